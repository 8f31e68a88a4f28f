"""Calibration data, the schemes' recipes, layers' errors, and mixed precision."""
