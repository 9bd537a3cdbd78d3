"""What a patient asks to be kept back, and what had to be told in an emergency."""
