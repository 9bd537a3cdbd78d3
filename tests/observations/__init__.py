"""What was observed: recorded, corrected, drawn."""
