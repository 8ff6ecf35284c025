"""What is minimised: flow matching, DPO, the codec, the text encoders."""
