"""What a device keeps while it has no contact, and how what was typed there comes in."""
