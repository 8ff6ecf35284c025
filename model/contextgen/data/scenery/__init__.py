"""The procedural backgrounds of synthetic scenes."""
