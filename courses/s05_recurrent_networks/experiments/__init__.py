"""Session 5: what its lesson trains and measures."""
