"""What a LoRA file of any tool says: which layers it changes, and how strongly. It knows FLUX's names, and no model."""
