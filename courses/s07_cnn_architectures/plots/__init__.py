"""Session 7's own figures, one module a subject."""
