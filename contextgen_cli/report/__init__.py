"""An output folder to look at: one page of all its pictures, or one picture of them."""
