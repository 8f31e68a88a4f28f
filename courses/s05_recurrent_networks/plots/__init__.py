"""Session 5: figures of its lesson."""
