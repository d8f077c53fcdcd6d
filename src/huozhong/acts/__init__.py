"""What a very small model decides, and code does: dialogue acts, exact arithmetic, checked words."""
