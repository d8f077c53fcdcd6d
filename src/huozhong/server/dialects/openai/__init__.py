"""OpenAI's dialect, with what DeepSeek adds to it."""
