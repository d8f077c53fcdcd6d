"""How models come to this machine: from Hugging Face, from ModelScope, from a USB stick."""
