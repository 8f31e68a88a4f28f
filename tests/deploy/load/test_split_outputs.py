"""Outputs cut out of one tensor: the same numbers without the tensor that joined them."""

import keras
import numpy as np
import pytest
from keras import layers

from deploy.load.split_outputs import split_outputs


def levels(cut, join=None):
    """Two levels of a head, each joined from 4 and 3 channels, then joined and cut apart."""
    keras.utils.set_random_seed(0)
    image = keras.Input((8, 8, 2))
    joined = []
    for size in (1, 2):
        features = layers.AveragePooling2D(size)(image)
        boxes, scores = layers.Conv2D(4, 1)(features), layers.Conv2D(3, 1)(features)
        both = layers.Concatenate()([boxes, layers.Activation("sigmoid")(scores)])
        joined.append(layers.Reshape((-1, 7))(both))
    both = layers.Activation("linear", name="joint")(layers.Concatenate(axis=1)(joined))
    return keras.Model(image, cut(both))


CUTS = {
    "boxes and scores": (lambda x: [x[:, :, :4], x[..., 4:]], [True, True]),
    "inside a part": (lambda x: [x[:, :, 1:3], x[..., -2:]], [True, True]),
    "across two parts": (lambda x: [x[:, :, 2:6], x[..., 4:]], [True, True]),
    "every second": (lambda x: [x[..., 0:4:2], x[..., 4:]], [False, True]),
    "of other axes too": (lambda x: [x[:, 3:, :4], x[..., 4:]], [False, True]),
    "one position": (lambda x: [x[..., 0], x[..., 4:]], [False, True]),
    "nothing cut": (lambda x: [x, layers.ReLU()(x)], [True, False]),
}


def ancestors(tensor):
    operation, node, _ = tensor._keras_history
    found = {operation.name}
    for parent in operation._inbound_nodes[node].input_tensors:
        found |= ancestors(parent)
    return found


@pytest.mark.parametrize(("cut", "apart"), CUTS.values(), ids=CUTS)
def test_the_same_numbers(cut, apart):
    model = levels(cut)
    outputs = split_outputs(model.outputs)
    images = np.random.default_rng(0).normal(size=(3, 8, 8, 2)).astype("float32")
    expected, received = model(images), keras.Model(model.inputs, outputs)(images)
    for one, other in zip(expected, received, strict=True):
        np.testing.assert_array_equal(one, other)
    activations = {layer.name for layer in model.layers if isinstance(layer, layers.Activation)}
    joint = next(
        n for n in activations if model.get_layer(n).activation is keras.activations.linear
    )
    assert [joint not in ancestors(output) for output in outputs] == apart


def test_a_model_within_a_model_is_opened():
    inner = levels(lambda x: [x[:, :, :4], x[..., 4:]])
    image = keras.Input((8, 8, 2))
    outer = keras.Model(image, inner(image))
    outputs = split_outputs(outer.outputs)
    images = np.random.default_rng(0).normal(size=(3, 8, 8, 2)).astype("float32")
    made = keras.Model(image, outputs)
    for one, other in zip(outer(images), made(images), strict=True):
        np.testing.assert_array_equal(one, other)
    # One call of one model gives both, and none of its outputs is cut out of the joint tensor.
    (opened,) = {tensor._keras_history[0] for tensor in outputs}
    assert opened is not inner
    assert not any("joint" in ancestors(tensor) for tensor in opened.outputs)
    plain = keras.Model(image, keras.Sequential([keras.Input((8, 8, 2)), layers.ReLU()])(image))
    assert split_outputs(plain.outputs)[0] is plain.outputs[0]
