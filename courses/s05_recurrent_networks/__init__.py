"""Session 5: recurrent networks."""
