"""How good a model is: scenes that it has never seen, systems under test, metrics and their aggregates."""
