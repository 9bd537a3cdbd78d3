"""One more look at a time, because of something that was done."""
