"""Draws photograph-like scenes, part by part; pictures are float32 RGB in 0-1."""
