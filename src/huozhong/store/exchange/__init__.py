"""Conversations out of this house and into it: our own JSON, Markdown, and what other programs export."""
