"""The safety file and the ASVS table are held against the tests that they name."""
