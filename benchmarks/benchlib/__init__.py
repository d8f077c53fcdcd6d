"""What the benchmarks share: streams over HTTP that cost the measuring side little, processes and their memory."""
