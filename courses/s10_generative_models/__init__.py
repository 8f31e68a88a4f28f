"""Session 10: generative models."""
