"""Session 2: deep neural networks."""
