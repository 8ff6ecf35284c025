"""FLUX.1-Kontext with ContextGen: the pipeline of the paper, its attention, its adapters, its cost."""
