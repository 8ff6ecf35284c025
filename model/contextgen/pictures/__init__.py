"""How a picture's pixels are read: upright, in sRGB, with an opacity and a mask of 8 bits. Pillow only.

It must never know a file's name, a scene or a model.
"""
