"""The tags on the doors: scanned, they say that somebody stood there."""
