"""The list that one person works through with one hand."""
