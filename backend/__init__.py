"""Vigil: a 24/7 monitoring dashboard for detox units."""
