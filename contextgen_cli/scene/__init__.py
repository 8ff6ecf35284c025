"""A scene file, and all that can be known of it without a model. It must never know a model, a plan or a terminal."""
