"""What can be run: incidents, stacks and patterns, read from the folders that people write; and the field guide."""
