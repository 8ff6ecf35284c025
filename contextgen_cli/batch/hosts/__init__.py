"""A run over several hosts whose processes a launcher started: where they meet, and why they believe one another.

It must never know how a picture is painted, nor who paints on its own host.
"""
