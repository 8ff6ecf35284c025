"""Subjects in boxes, a module a program or benchmark, with pictures of theirs or without."""
