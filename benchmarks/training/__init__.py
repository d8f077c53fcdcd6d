"""The parts of training_cost.py: text, contestants, runs, figures."""
