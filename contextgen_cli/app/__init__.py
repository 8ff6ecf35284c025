"""What the program does, for any front end: render, replay, bench, train, data.

It knows neither click nor a terminal.
"""
