"""What is to be observed, when it is due, and whether it was done."""
