"""What has been computed of prompts, in memory and on disk."""
