"""Signing in through the hospital's own provider (OpenID Connect)."""
