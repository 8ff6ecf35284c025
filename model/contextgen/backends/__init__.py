"""Families of models behind one border: each a folder, which no other family knows."""
