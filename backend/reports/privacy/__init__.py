"""The audit trail, for whoever looks after privacy."""
