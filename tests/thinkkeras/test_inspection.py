"""Costs and fields: the published ones, those counted by hand, those that gradients show."""

import keras
import numpy as np
import pytest

from courses.s06_convolutional_networks import solutions
from thinkkeras.explanations import score_gradients
from thinkkeras.inspection import ReceptiveField, multiply_accumulates, receptive_fields, stages

layers, applications = keras.layers, keras.applications


@pytest.mark.parametrize(
    ("build", "size", "field", "million", "parameters"),
    [
        # Fields: Araujo et al., table 1; the others follow from the same sums. Work: the papers'
        # own tables (MobileNets), and He et al.'s "3.8 billion" for ResNet-50.
        pytest.param(applications.VGG16, 224, 212, 15470, 138_357_544, marks=pytest.mark.slow),
        (applications.ResNet50, 224, 483, 3858, 25_636_712),
        (applications.MobileNet, 224, 315, 569, 4_253_864),
        (applications.MobileNetV2, 224, 491, 301, 3_538_984),
        (applications.MobileNetV3Small, 224, 639, 57, 2_554_968),
        (applications.InceptionV3, 299, 1311, 5713, 23_851_784),
        (applications.DenseNet121, 224, 2071, 2834, 8_062_504),
    ],
)
def test_published_networks(build, size, field, million, parameters):
    model = build(weights=None, input_shape=(size, size, 3), classes=1000)
    rows = stages(model)
    assert max(row.receptive_field or 0 for row in rows) <= field
    assert max(layer.size for layer in receptive_fields(model)) == field
    assert round(multiply_accumulates(model) / 1e6) == million
    assert sum(row.multiply_accumulates for row in rows) == multiply_accumulates(model)
    assert sum(row.parameters for row in rows) == parameters == model.count_params()


def lenet():
    """LeNet-5's plan, all maps connected: the receptive fields of the paper's figure 2."""
    inputs = keras.Input((32, 32, 1))
    x = layers.Conv2D(6, 5, name="c1")(layers.Rescaling(1 / 255)(inputs))
    x = layers.AveragePooling2D(2, name="s2")(x)
    x = layers.Conv2D(16, 5, activation="tanh", name="c3")(x)
    x = layers.AveragePooling2D(2, name="s4")(x)
    x = layers.Conv2D(120, 5, name="c5")(x)
    return keras.Model(inputs, layers.Dense(10)(layers.Flatten()(x)))


def test_a_plain_stack():
    assert receptive_fields(lenet()) == [
        ReceptiveField("c1", "convolution", 5, 1, (28, 28, 6), 5, 1),
        ReceptiveField("s2", "pooling", 2, 2, (14, 14, 6), 6, 2),
        ReceptiveField("c3", "convolution", 5, 1, (10, 10, 16), 14, 2),
        ReceptiveField("s4", "pooling", 2, 2, (5, 5, 16), 16, 4),
        ReceptiveField("c5", "convolution", 5, 1, (1, 1, 120), 32, 4),
    ]
    assert [tuple(stage) for stage in stages(lenet())] == [
        # stride, resolution, channels, field, parameters, work.
        (1, (28, 28), 6, 5, 156, 784 * 150),
        (2, (10, 10), 16, 14, 2416, 100 * 2400),
        (4, (1, 1), 120, 32, 48120, 48000),
        (None, None, 10, None, 1210, 1200),
    ]


def test_fields_agree_with_the_exercise_on_dilation():
    inputs = keras.Input((32, 32, 1))
    x = layers.Conv2D(2, 3, strides=2, padding="same")(inputs)
    x = layers.Conv2D(2, 3, dilation_rate=4, padding="same")(x)
    last = receptive_fields(keras.Model(inputs, x))[-1]
    assert (last.size, last.jump) == solutions.receptive_field([(3, 2, 1), (3, 1, 4)]) == (19, 2)


def branches():
    """A shortcut whose window lies aside from the main way's, after padding on one side."""
    options = {"use_bias": False, "kernel_initializer": "ones"}
    inputs = keras.Input((33, 33, 1))
    x = layers.ZeroPadding2D(((3, 0), (0, 3)))(inputs)
    main = layers.Conv2D(1, 3, strides=2, **options)(x)
    main = layers.Conv2D(1, 3, padding="same", dilation_rate=2, **options)(main)
    side = layers.Conv2D(1, (7, 1), strides=2, padding="same", **options)(x)
    side = layers.Cropping2D(((1, 0), (0, 1)))(side)
    x = layers.Add(name="sum")([main, side])
    return keras.Model(inputs, layers.Conv2D(1, 3, name="last", **options)(x))


def test_what_branches_see_is_what_has_a_gradient():
    inputs = branches()
    middle = (inputs.output.shape[1] // 2, inputs.output.shape[2] // 2)
    pixel = layers.Cropping2D(
        [(at, size - at - 1) for at, size in zip(middle, inputs.output.shape[1:3], strict=True)]
    )(inputs.output)
    classifier = keras.Model(inputs.input, layers.Flatten()(pixel))
    start = layers.Activation("linear", name="start")
    image = keras.Input((33, 33, 1))
    model = keras.Model(image, classifier(start(image)))
    _, gradients = score_gradients(model, "start", np.zeros((1, 33, 33, 1)), [0])
    seen = np.flatnonzero(gradients[0, :, :, 0].any(axis=1))
    assert receptive_fields(inputs)[-1].size == seen[-1] - seen[0] + 1


def test_every_call_counts_and_every_weight_once():
    shared = keras.Sequential([keras.Input((None, None, 3)), layers.Conv2D(4, 3)])
    inputs = keras.Input((8, 8, 3))
    halved = layers.AveragePooling2D(2)(inputs)
    outputs = [layers.Flatten()(shared(inputs)), layers.Flatten()(shared(halved))]
    model = keras.Model(inputs, layers.Dense(5)(layers.Concatenate()(outputs)))
    assert multiply_accumulates(model) == 108 * (36 + 4) + 5 * 4 * (36 + 4)
    assert sum(stage.parameters for stage in stages(model)) == model.count_params()


def test_a_layer_that_consists_of_others_is_opened():
    class Twice(layers.Layer):
        def __init__(self):
            super().__init__()
            self.convolution = layers.Conv2D(4, 3, padding="same")

        def call(self, x):
            return self.convolution(self.convolution(x))

    inputs = keras.Input((8, 8, 4))
    model = keras.Model(inputs, layers.Conv2D(2, 3)(Twice()(inputs)))
    assert multiply_accumulates(model) == 2 * 64 * 144 + 36 * 72
    assert receptive_fields(model)[-1].size == 7
    assert sum(stage.parameters for stage in stages(model)) == model.count_params()


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (layers.Conv2D(6, (3, 2), groups=2), 6 * 7 * 6 * (3 * 2 * 2)),
        (layers.DepthwiseConv2D(3, depth_multiplier=2), 6 * 6 * 9 * 4 * 2),
        (layers.SeparableConv2D(6, 3), 6 * 6 * (9 * 4 + 4 * 6)),
        (layers.Conv2DTranspose(6, 3, strides=2), 8 * 8 * 9 * 4 * 6),
        (layers.Dense(6), 8 * 8 * 4 * 6),
        (layers.MaxPooling2D(2), 0),
    ],
)
def test_work_of_a_layer(layer, expected):
    inputs = keras.Input((8, 8, 4))
    assert multiply_accumulates(keras.Model(inputs, layer(inputs))) == expected


def test_squeeze_and_excitation_is_left_out_of_the_field():
    inputs = keras.Input((16, 16, 8))
    x = layers.Conv2D(8, 3, padding="same")(inputs)
    squeezed = layers.GlobalAveragePooling2D(keepdims=True)(x)
    x = layers.Multiply()([x, layers.Conv2D(8, 1, activation="sigmoid")(squeezed)])
    model = keras.Model(inputs, layers.Conv2D(8, 3, strides=2)(x))
    assert [field.size for field in receptive_fields(model)] == [3, 5]
    assert stages(model)[0].parameters == 9 * 64 + 8 + 64 + 8


def test_a_network_without_maps_is_one_stage():
    model = keras.Sequential([keras.Input((6,)), layers.Dense(4), layers.Dense(3)])
    assert stages(model) == [(None, None, 3, None, 28 + 15, 24 + 12)]
    assert receptive_fields(model) == []


def test_what_has_no_answer_is_refused():
    with pytest.raises(ValueError, match="functional model"):
        multiply_accumulates(keras.Sequential([layers.Dense(3)]))
    inputs = keras.Input((None, None, 3))
    with pytest.raises(ValueError, match="fixed size"):
        multiply_accumulates(keras.Model(inputs, layers.Conv2D(3, 3)(inputs)))
    inputs = keras.Input((8, 8, 3))
    with pytest.raises(ValueError, match="UpSampling2D"):
        receptive_fields(keras.Model(inputs, layers.UpSampling2D()(inputs)))
    inputs = keras.Input((8, 3))
    with pytest.raises(ValueError, match="'lstm' of class LSTM, whose layers can't be followed"):
        multiply_accumulates(keras.Model(inputs, layers.LSTM(3, name="lstm")(inputs)))
