"""The work of a network, counted while it runs."""

import keras
import numpy as np


def multiply_accumulates(model, monkeypatch):
    """Those of all convolutions and dense layers for one image, each as often as it is called."""
    counts = []
    for kind in (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.Dense):

        def counted(layer, x, call=kind.call, **options):
            y = call(layer, x, **options)
            counts.append(int(np.prod(y.shape[1:-1])) * int(np.prod(layer.kernel.shape)))
            return y

        monkeypatch.setattr(kind, "call", counted)
    image = np.zeros((1, *model.inputs[0].shape[1:]), "float32")
    keras.Model(model.inputs[0], keras.tree.flatten(model.output))(image)
    monkeypatch.undo()
    return sum(counts)
