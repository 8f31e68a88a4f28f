"""Session 6: convolutional networks."""
