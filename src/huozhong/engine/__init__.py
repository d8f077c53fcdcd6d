"""How a model is run: `LLM` in `llm.py`; the life of a request in `loop.py`.  No torch here."""
