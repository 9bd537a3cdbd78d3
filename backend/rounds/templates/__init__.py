"""What a unit usually orders at an admission."""
