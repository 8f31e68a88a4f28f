"""What session 10 measures: samples, spaces, collapse, steps, and what a device makes of it."""
