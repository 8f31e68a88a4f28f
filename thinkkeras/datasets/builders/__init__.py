"""TFDS builders of our own; TFDS knows one by its name once its module is imported."""
