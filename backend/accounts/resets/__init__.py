"""A lost second factor: two people of different parts agree that it is taken away."""
