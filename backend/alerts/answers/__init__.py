"""What people do about an alert: see it, take it, send it up, call somebody, close it."""
