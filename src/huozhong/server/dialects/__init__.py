"""The APIs that are spoken, a folder each."""
