"""Passkeys: a key that stays in the device, and a touch that proves two factors at once."""
