"""What a prescriber orders for the night: not to be woken, SpO2 with each sleep check."""
