"""The shared machines of a ward: enrolled, revoked, never a person."""
