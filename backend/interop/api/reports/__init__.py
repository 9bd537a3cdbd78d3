"""Reports as a machine takes them."""
