"""Annotations of pictures, a module a tool: scenes that paint the subjects of a picture anew."""
