"""What leaves the unit: one door, and a ledger of what went through it."""
