"""What is to be observed on a stay: ordered, replaced, ended, asked for once."""
