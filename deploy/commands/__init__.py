"""What can be done with a model or a bundle: one file a command, here as on the command line."""
