"""A scene file and all that can be known of it without a model."""
