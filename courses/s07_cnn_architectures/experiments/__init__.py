"""What session 7 trains and measures, one module a subject."""
