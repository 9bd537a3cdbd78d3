"""Who is off the unit, where, since when, and until when: facts, added and never changed."""
