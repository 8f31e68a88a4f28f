"""Session 7: common CNN architectures."""
