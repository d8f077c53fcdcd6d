"""Engines elsewhere (vLLM, SGLang, another Huozhong, DeepSeek's cloud) behind this house's people, budgets and chats.

They speak OpenAI's dialect.  A request that one of them cannot take (out of reach, 429, 5xx, silent) goes to the next
that has the model, as long as not one token of an answer has gone out; after that a failure is told, never hidden.
"""
