"""Text <-> tokens: `tokenizer` (bytes <-> ids), `chat` (messages -> ids), `data` (files -> batches)."""
