"""The units and their beds."""
