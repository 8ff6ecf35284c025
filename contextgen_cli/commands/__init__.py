"""One module per verb: parse the arguments, call the packages beside this one, return an exit code."""
