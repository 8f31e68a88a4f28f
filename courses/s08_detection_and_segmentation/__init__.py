"""Session 8: detection and segmentation."""
