"""What session 9 trains and measures, one module a subject."""
