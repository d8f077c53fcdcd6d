"""0001 conversations, 0002 people, 0003 files: each knows the one before it (`down_revision`)."""
