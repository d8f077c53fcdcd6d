"""What an answer must look like."""
