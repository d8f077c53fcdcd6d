"""A drafter for a model that exists: what it would say next, learnt by a small network from its own states."""
