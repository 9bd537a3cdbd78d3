"""What a unit's record adds up to: for the charge nurse, the physician and the administration."""
