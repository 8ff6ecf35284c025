"""The components of a FLUX.1-Kontext folder: their classes, their configurations, the tensors that they need."""
