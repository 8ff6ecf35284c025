"""Weights on the disk: found, checked and named, and the cards that come with them.

No torch, and no family of models.
"""
