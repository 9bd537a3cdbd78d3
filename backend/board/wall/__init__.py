"""The wallboard in the hallway: everybody, and no name."""
