"""What happened to a patient, written down with one tap: its start, and its end if it has one."""
