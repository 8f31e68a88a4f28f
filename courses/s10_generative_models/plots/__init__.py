"""The figures of session 10."""
