"""Blank sheets for the hours without a screen, and their way back."""
