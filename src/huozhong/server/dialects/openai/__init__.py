"""OpenAI's dialect, with what DeepSeek adds to it.

chat.py and structure.py read chat requests, reply.py writes their answers; embeddings.py, models.py and errors.py are
both ways of what they are called.
"""
