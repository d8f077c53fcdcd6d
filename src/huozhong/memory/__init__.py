"""What is looked up: documents cut into passages, and found again by their words."""
