"""The benchmark of held-out objects: its fixed scenes, and what is measured of a picture of one."""
