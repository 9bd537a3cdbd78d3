"""How long the record is kept, and what must not go although its time is over."""
