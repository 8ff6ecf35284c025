"""Sets in IMIG-100K's folder formats (paper, section 4.1), read and written."""
