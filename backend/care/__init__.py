"""The whole of a patient's care on the unit, from admission to aftercare."""
