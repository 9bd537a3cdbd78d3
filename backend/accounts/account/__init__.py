"""A person's own account: how they prove themselves, and where they are signed in."""
