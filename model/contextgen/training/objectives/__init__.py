"""What is minimised, a module for each objective: flow matching, DPO, the codec, the text encoders."""
