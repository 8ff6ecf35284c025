"""What a picture remembers: its file, written whole or not at all, and its record, read back and its inputs found.

It must never know of plans, models or processes.
"""
