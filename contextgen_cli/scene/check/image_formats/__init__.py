"""What image files are made of, as far as their decoders do not say: pieces, data that ends early, formats not read.

It must never know scenes.
"""
