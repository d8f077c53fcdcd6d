"""Anthropic's dialect: messages.py reads requests, reply.py writes answers and errors.

Source: docs.anthropic.com/en/api/messages, .../messages-streaming, .../messages-count-tokens and .../errors;
api-docs.deepseek.com/guides/anthropic_api.
"""
