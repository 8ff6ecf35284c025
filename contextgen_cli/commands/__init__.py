"""The verbs that a person types: parse, call `app`, say it, return an exit code. They must never know a tensor."""
