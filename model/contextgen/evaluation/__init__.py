"""How good a model is: fixed scenes of objects it has never seen, and figures of its pictures against the truth."""
