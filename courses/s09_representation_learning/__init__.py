"""Session 9: representation learning."""
