"""What happened to a patient, in and out."""
