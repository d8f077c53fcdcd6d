"""How text becomes tokens: `tokenizer` (bytes <-> ids), `chat` (messages <-> ids), `data` (files -> batches)."""
