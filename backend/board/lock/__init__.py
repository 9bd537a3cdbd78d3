"""The screen that is locked: no patient, every alarm."""
