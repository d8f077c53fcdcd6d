"""The pen: pigs found in pictures, followed, measured; twenty labels each, and how each is known."""
