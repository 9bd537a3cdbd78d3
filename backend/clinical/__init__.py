"""The clinical rules: pure functions of values, with every number as sourced data."""
