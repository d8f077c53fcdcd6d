"""What is served, a file a noun."""
