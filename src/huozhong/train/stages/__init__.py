"""What differs between the stages of a new model's training."""
