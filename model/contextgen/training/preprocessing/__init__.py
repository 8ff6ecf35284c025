"""Examples -> what the model is given: sources, layout and sequence, latents and embeddings, batches."""
