"""What a model is trained and measured on: synthetic scenes, and sets in IMIG-100K's folder formats. No torch."""
