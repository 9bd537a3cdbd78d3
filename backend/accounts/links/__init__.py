"""Links that open once: to set Vigil up, to come in the first time, to replace a lost password."""
