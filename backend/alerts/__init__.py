"""What needs somebody: raised, seen, taken, kept or lapsed, closed."""
