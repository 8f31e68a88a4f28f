"""Session 3: bias and variance, regularisation."""
