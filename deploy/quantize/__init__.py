"""How numbers are stored: calibration, recipes, mixed precision, the errors layer by layer."""
