"""IMIG-100K on this machine: fetched from its hub repository or from archives, and held against its own lists."""
