"""Other tools' files -> scenes; a format is a module of `readers`. It must never know a model."""
