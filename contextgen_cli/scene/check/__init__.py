"""What is wrong with a scene, each problem with its place: schema, meaning, images, suggestions.

It must never know a model.
"""
