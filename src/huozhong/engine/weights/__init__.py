"""A model's numbers as the kernels read them."""
