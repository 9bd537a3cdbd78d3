"""A patient's time on the unit: admission, beds, discharge."""
