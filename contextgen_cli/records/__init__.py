"""What a picture remembers: its file, written whole or not at all, and its record, read back and its inputs found.

Whatever anybody may have written is read here, within limits: JSON, PNG files, any file of a shared folder.
It must never know of plans, models or processes.
"""
