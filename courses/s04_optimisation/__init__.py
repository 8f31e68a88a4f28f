"""Session 4: optimisation strategies."""
