"""The people who work on the units, and their postings."""
