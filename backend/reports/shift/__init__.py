"""One shift of one unit in figures, on screen and as PDF, XLSX and CSV: the same rows in each."""
