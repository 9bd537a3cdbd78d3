"""Tests of stays."""
