"""What a house keeps: its people, their conversations, and how to find them again.  No web, no engine."""
