"""Reinforcement with verifiable rewards."""
