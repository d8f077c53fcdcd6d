"""The exam: what a model can do, measured alike for a local model and any OpenAI-compatible URL."""
