"""A model that exists, made better for somebody."""
