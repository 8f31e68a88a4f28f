"""Draws photograph-like scenes, part by part; images are float32 RGB in 0-1."""
