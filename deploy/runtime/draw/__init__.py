"""Predictions drawn on their images, and where the drawings go."""
