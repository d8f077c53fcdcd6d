"""Tokens guessed ahead and checked at once."""
