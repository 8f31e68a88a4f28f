"""Explanations against what is known: linear heads, other people's gradients, a planted object."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from thinkkeras.explanations import grad_cam, occlusion, score_gradients
from thinkkeras.models import convnet

layers = keras.layers


def classifier(seed=0):
    """Normalization and dropout, which training and inference treat differently, and a softmax."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((12, 10, 3))
    x = layers.Conv2D(5, 3, activation="relu", name="maps")(inputs)
    shortcut = x
    x = layers.BatchNormalization()(layers.Conv2D(5, 3, padding="same", name="inner")(x))
    x = layers.Activation("relu", name="last")(layers.Add()([x, shortcut]))
    x = layers.Dropout(0.5)(layers.Conv2D(6, 3, activation="relu")(x))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(4, activation="softmax", name="top")(x))


def pictures(count=3):
    return np.random.default_rng(0).uniform(0, 1, (count, 12, 10, 3)).astype("float32")


@pytest.mark.parametrize("layer", ["maps", "last"])
def test_gradients_are_tensorflows_of_the_logits(layer):
    model, images, classes = classifier(), pictures(), [2, 0, 3]
    before = [weight.copy() for weight in model.get_weights()]
    maps, gradients = score_gradients(model, layer, images, classes)
    assert model.layers[-1].activation is keras.activations.softmax
    for weight, one in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, one)

    model.layers[-1].activation = keras.activations.linear
    features = keras.Model(model.input, model.get_layer(layer).output)
    rest = keras.Model(model.get_layer(layer).output, model.output)
    with tf.GradientTape() as tape:
        tensor = features(images)
        tape.watch(tensor)
        score = tf.gather(rest(tensor), classes, axis=1, batch_dims=1)
    np.testing.assert_allclose(gradients, tape.gradient(score, tensor), atol=1e-6)
    np.testing.assert_allclose(maps, tensor, atol=1e-6)


def test_gradients_refuse_a_layer_that_a_shortcut_passes_by():
    with pytest.raises(ValueError, match="'inner', which a shortcut passes by"):
        score_gradients(classifier(), "inner", pictures(), [0, 0, 0])


@pytest.mark.parametrize("activation", ["softmax", None])
def test_grad_cam_of_a_pooled_linear_head_is_cam(activation):
    """Selvaraju et al., section 3.1: Grad-CAM generalizes CAM, up to the number of pixels."""
    model = convnet((16, 16, 3), 5, filters=(4, 6), classifier_activation=activation)
    images, classes = 255 * np.random.default_rng(1).random((4, 16, 16, 3)), np.array([0, 1, 2, 4])
    last = [layer.name for layer in model.layers if len(layer.output.shape) == 4][-1]
    maps = keras.ops.convert_to_numpy(
        keras.Model(model.input, model.get_layer(last).output)(images)
    )
    kernel = next(weight for weight in model.get_weights() if weight.shape == (6, 5))
    cam = np.einsum("nhwc,cn->nhw", maps, kernel[:, classes]) / (maps.shape[1] * maps.shape[2])
    assert (cam > 0).any() and (cam < 0).any()
    np.testing.assert_allclose(
        grad_cam(model, last, images, classes), np.maximum(cam, 0), rtol=1e-4, atol=1e-6
    )


def corner_model():
    """Probability of class 1: the mean of rows 0-3, columns 4-7, of the green channel."""
    inputs = keras.Input((12, 10, 3))
    mask = np.zeros((12, 10, 3), "float32")
    mask[:4, 4:8, 1] = 1 / 16 / 255
    x = layers.Dense(2, use_bias=False)(layers.Flatten()(inputs))
    model = keras.Model(inputs, x)
    model.set_weights([np.stack([0 * mask.ravel(), mask.ravel()], axis=1)])
    return model


def test_occlusion_finds_the_place_that_counts():
    image = np.full((12, 10, 3), 255.0)
    drop = occlusion(corner_model(), image, 1, size=4, stride=4, fill=0)
    expected = np.zeros((12, 10))
    expected[:4, 4:8] = 1
    np.testing.assert_allclose(drop, expected, atol=1e-6)
    # Squares at columns 0, 2, 4, 6 lose 0, 1/2, 1 and 1/2; each pixel has the mean of its squares.
    drop = occlusion(corner_model(), image, 1, size=4, stride=2, fill=0)
    columns = np.repeat([0, 1 / 4, 3 / 4, 3 / 4, 1 / 2], 2)
    rows = np.repeat([1, 3 / 4, 1 / 4, 0, 0, 0], 2)
    np.testing.assert_allclose(drop, np.outer(rows, columns), atol=1e-6)
    np.testing.assert_allclose(occlusion(corner_model(), image, 0, size=4, stride=2), 0)


@pytest.mark.parametrize(("size", "stride"), [(0, 1), (11, 1), (4, 0)])
def test_occlusion_refuses_squares_that_do_not_fit(size, stride):
    with pytest.raises(ValueError, match=f"received size={size} and stride={stride}"):
        occlusion(corner_model(), np.zeros((12, 10, 3)), 0, size=size, stride=stride)
