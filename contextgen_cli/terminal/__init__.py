"""The one place that prints: messages, tables, progress, signals, streams. It must never know how a picture is made."""
