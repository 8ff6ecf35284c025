"""A module a format: how its files are told, what of them is read, and what makes scenes of it. None knows another."""
