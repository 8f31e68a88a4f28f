"""What a detector's outputs become: boxes decoded, overlapping ones suppressed."""
