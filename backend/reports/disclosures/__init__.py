"""The ledger of what has left, for the privacy officer, and the accounting for a patient."""
