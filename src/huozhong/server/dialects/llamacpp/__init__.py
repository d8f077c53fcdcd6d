"""llama.cpp's own dialect, which its page and many front ends speak: `/completion` and `/infill`."""
