"""Ears and eyes: sounds and pictures read, and what is in them found.

The only room that uses av, onnxruntime and sherpa-onnx, and each only inside the function that needs it.
"""
