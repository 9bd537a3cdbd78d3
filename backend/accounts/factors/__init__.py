"""What a person proves themselves with beside the password: an app, a passkey, a recovery code."""
