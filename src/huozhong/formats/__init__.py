"""How a model lies on disk: Hugging Face folders and GGUF files, behind one face (`source`)."""
