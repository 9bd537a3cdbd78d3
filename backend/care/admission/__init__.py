"""Coming in and going home, with everything that begins and ends with it."""
