"""OpenAI's responses: requests.py reads requests, items.py what a conversation is made of, reply.py writes answers.

Source: platform.openai.com/docs/api-reference/responses and .../responses-streaming.
"""
