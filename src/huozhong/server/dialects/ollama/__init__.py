"""Ollama's dialect: requests.py reads chats and texts, reply.py writes answers, models.py says what is served.

A stream is one JSON object a line, and it is what a request gets that says nothing of `stream`.
Source: github.com/ollama/ollama, docs/api.md.
"""
