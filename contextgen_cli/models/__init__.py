"""Models: found, priced, opened, their errors translated, on which device. The border to `contextgen`.

It must never know of commands, terminals or output folders.
"""
