"""The chart: one patient's course, drawn on one time axis, with the sets it is made of."""
