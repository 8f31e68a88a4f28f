"""What a session builds with: models, data sets and figures for Keras.

Import what is needed from `thinkkeras.models`, `thinkkeras.datasets` and `thinkkeras.plots`;
importing `thinkkeras` alone loads nothing heavy.
"""
