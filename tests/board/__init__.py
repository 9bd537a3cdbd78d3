"""The ward board and the wallboard."""
