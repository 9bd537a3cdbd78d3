"""Tests: they mirror backend/, and each name is a rule."""
