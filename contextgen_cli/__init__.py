"""The `contextgen` command line: scene files in, pictures out. Everything here is YAML, files and terminal."""

__version__ = "0.1.0"
