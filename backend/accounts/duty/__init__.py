"""Who does what this shift, and on which unit somebody works now."""
