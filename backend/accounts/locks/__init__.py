"""Lock a screen, unlock it, and change who is at the keys."""
