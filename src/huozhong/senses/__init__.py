"""Ears and eyes: sound and pictures in, numbers out.  Imports NumPy alone; av and onnxruntime where they are needed."""
