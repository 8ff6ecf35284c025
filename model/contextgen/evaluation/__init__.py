"""How good a model is: what a benchmark is, systems under test, metrics and their aggregates; a folder a benchmark."""
