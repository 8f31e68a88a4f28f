"""Session 3's experiments: leaks, bias and variance, double descent, remedies measured."""
