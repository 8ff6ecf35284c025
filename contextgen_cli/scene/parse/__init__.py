"""Text -> nodes that know where they were written: files found, YAML and JSON read, assignments and matrices applied.

It must never know what the values mean.
"""
