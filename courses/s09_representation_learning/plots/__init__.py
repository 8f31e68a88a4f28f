"""Session 9's own figures, one module a subject."""
