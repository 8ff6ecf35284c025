"""An output folder to look at: one page, or one contact sheet. It must never know a model or a terminal."""
