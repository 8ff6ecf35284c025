"""Other tools' files -> scenes, a module a format. It must never know a model."""
