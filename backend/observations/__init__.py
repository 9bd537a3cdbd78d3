"""What was seen, counted and asked at the bed, and what it scores."""
