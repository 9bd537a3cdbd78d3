"""Who works here, where, and what each may do."""
