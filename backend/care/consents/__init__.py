"""What a patient allows to be told, to whom and what for; and taking it back."""
