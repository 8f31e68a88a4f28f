"""Keras 3 models in tf_keras: the same numbers, the same names, clear refusals."""

from collections import Counter

import keras
import numpy as np
import pytest
import tf_keras

from deploy import DeployError
from deploy.to_tf_keras import to_tf_keras
from tests.conftest import BUILDERS

L, ops = keras.layers, keras.ops


def shuffle_weights(model, seed=0):
    """Every weight gets other values, so that no two of one shape can be mixed up unseen."""
    generator = np.random.default_rng(seed)
    for weight in model.weights:
        value = np.asarray(weight)
        if value.dtype.kind != "f":
            continue
        noise = generator.uniform(0.8, 1.2, value.shape)
        if not value.any():
            value = np.full(value.shape, 0.1) * generator.choice([-1, 1], value.shape)
        weight.assign((value * noise).astype("float32"))


def inputs_of(model, batch=3, seed=1):
    generator = np.random.default_rng(seed)
    return [
        generator.integers(0, 5, (batch, *tensor.shape[1:])).astype(tensor.dtype)
        if "int" in tensor.dtype
        else generator.uniform(-1, 1, (batch, *tensor.shape[1:])).astype("float32")
        for tensor in model.inputs
    ]


def outputs_of(model, arrays):
    kind = keras if isinstance(model, keras.Model) else tf_keras
    flat = kind.Model(model.inputs, model.outputs)
    outputs = flat(arrays, training=False)
    return [np.asarray(output) for output in keras.tree.flatten(outputs)]


def assert_same(model):
    shuffle_weights(model)
    counterpart = to_tf_keras(model)
    arrays = inputs_of(model)
    expected, received = outputs_of(model, arrays), outputs_of(counterpart, arrays)
    for one, other in zip(expected, received, strict=True):
        assert one.shape == other.shape
        assert np.abs(one).max() > 0
        assert np.abs(one - other).max() <= 1e-5 * np.abs(one).max()
    return counterpart


@pytest.mark.parametrize("name", BUILDERS)
def test_every_builder_computes_the_same(name):
    assert_same(BUILDERS[name]((32, 32, 3), 10))


# The smallest inputs that the architectures take, within reason.
APPLICATIONS = {
    "MobileNet": 75,
    "MobileNetV2": 75,
    "MobileNetV3Small": 75,
    "ResNet50": 75,
    "ResNet50V2": 75,
    "VGG16": 48,
    "Xception": 75,
}
# Of hundreds of layers, which take long to build.
DEEP = ("DenseNet121", "EfficientNetB0", "EfficientNetV2B0", "InceptionV3", "NASNetMobile")
APPLICATIONS |= dict.fromkeys(DEEP, 75)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow if name in DEEP else ()) for name in APPLICATIONS],
)
def test_keras_applications_compute_the_same(name):
    size = APPLICATIONS[name]
    builder = getattr(keras.applications, name)
    top = {} if name != "VGG16" else {"include_top": False, "pooling": "avg"}
    keras.utils.set_random_seed(0)
    model = builder(weights=None, input_shape=(size, size, 3), **top)
    # The network ends in a softmax, which hides much: what is compared comes before it too.
    deep = keras.Model(model.inputs, [model.layers[-2].output, model.output])
    counterpart = assert_same(deep)
    kept = Counter(type(layer).__name__ for layer in counterpart.layers)
    assert kept["Conv2D"] == sum(type(layer).__name__ == "Conv2D" for layer in model.layers) > 2


def test_a_yolov8_detector_computes_the_same():
    keras_cv = pytest.importorskip("keras_cv")
    model = keras_cv.models.YOLOV8Detector(
        num_classes=3,
        bounding_box_format="xywh",
        backbone=keras_cv.models.YOLOV8Backbone(
            stackwise_channels=[16, 32, 48, 64],
            stackwise_depth=[1, 1, 1, 1],
            include_rescaling=True,
            input_shape=(64, 64, 3),
        ),
        fpn_depth=1,
    )
    assert_same(keras.Model(model.inputs, model.outputs))


def adapted(**options):
    layer = L.Normalization(**options)
    layer.adapt(np.random.default_rng(0).normal(3, [1, 2, 3, 4], (50, 6, 4)))
    return layer


SEQUENCE, IMAGE, TOKENS = (6, 4), (8, 8, 3), (6,)
LAYERS = {
    "ActivationHardSilu": (IMAGE, lambda: L.Activation("hard_silu")),
    "ActivationHardSigmoid": (IMAGE, lambda: L.Activation("hard_sigmoid")),
    "ActivationRelu6": (IMAGE, lambda: L.Activation("relu6")),
    "ActivationSilu": (IMAGE, lambda: L.Activation("silu")),
    "ActivationOps": (IMAGE, lambda: L.Activation(keras.ops.silu)),
    "AdaptiveAveragePooling2D": (IMAGE, lambda: L.AdaptiveAveragePooling2D(2)),
    "AveragePooling2D": (IMAGE, lambda: L.AveragePooling2D(3, 2, "same")),
    "BatchNormalization": (IMAGE, lambda: L.BatchNormalization(epsilon=0.1)),
    "BidirectionalGRU": (SEQUENCE, lambda: L.Bidirectional(L.GRU(3, return_sequences=True))),
    "BidirectionalLSTM": (SEQUENCE, lambda: L.Bidirectional(L.LSTM(3), merge_mode="sum")),
    "BidirectionalTwo": (
        SEQUENCE,
        lambda: L.Bidirectional(L.LSTM(3), backward_layer=L.LSTM(2, go_backwards=True)),
    ),
    "CenterCrop": (IMAGE, lambda: L.CenterCrop(4, 4)),
    "Conv1D": (SEQUENCE, lambda: L.Conv1D(3, 3, padding="causal", dilation_rate=2)),
    "Conv1DTranspose": (SEQUENCE, lambda: L.Conv1DTranspose(3, 3, 2)),
    "Conv2D": (IMAGE, lambda: L.Conv2D(6, 3, 2, "same", groups=3, activation="hard_silu")),
    "Conv2DTranspose": (IMAGE, lambda: L.Conv2DTranspose(4, 3, 2, "same", activation="gelu")),
    "Conv3D": ((4, 4, 4, 2), lambda: L.Conv3D(3, 2)),
    "ConvLSTM2D": ((3, 5, 5, 2), lambda: L.ConvLSTM2D(3, 3)),
    "Cropping2D": (IMAGE, lambda: L.Cropping2D(1)),
    "Dense": (SEQUENCE, lambda: L.Dense(3, "elu", kernel_regularizer="l2")),
    "DepthwiseConv2D": (IMAGE, lambda: L.DepthwiseConv2D(3, depth_multiplier=2)),
    "Dropout": (IMAGE, lambda: L.Dropout(0.5, seed=3)),
    "EinsumDense": (SEQUENCE, lambda: L.EinsumDense("abc,cd->abd", (None, 5), bias_axes="d")),
    "ELU": (IMAGE, lambda: L.ELU(0.5)),
    "Embedding": (TOKENS, lambda: L.Embedding(5, 3)),
    "Flatten": (IMAGE, lambda: L.Flatten()),
    "GRU": (SEQUENCE, lambda: L.GRU(3)),
    "GRUResetBefore": (SEQUENCE, lambda: L.GRU(3, reset_after=False)),
    "GlobalAveragePooling2D": (IMAGE, lambda: L.GlobalAveragePooling2D(keepdims=True)),
    "GlobalMaxPooling1D": (SEQUENCE, lambda: L.GlobalMaxPooling1D()),
    "GroupNormalization": (IMAGE, lambda: L.GroupNormalization(3)),
    "LayerNormalization": (SEQUENCE, lambda: L.LayerNormalization(axis=(1, 2))),
    "LeakyReLU": (IMAGE, lambda: L.LeakyReLU(0.37)),
    "LSTM": (SEQUENCE, lambda: L.LSTM(3, recurrent_dropout=0.2)),
    "LSTMHardSigmoid": (SEQUENCE, lambda: L.LSTM(3, recurrent_activation="hard_sigmoid")),
    "MaxPooling2D": (IMAGE, lambda: L.MaxPooling2D()),
    "Normalization": (SEQUENCE, lambda: adapted()),
    "NormalizationInverted": (SEQUENCE, lambda: adapted(invert=True)),
    "NormalizationTwoAxes": (SEQUENCE, lambda: adapted(axis=(1, 2))),
    "NormalizationOfAll": (SEQUENCE, lambda: adapted(axis=None)),
    "NormalizationGiven": (
        SEQUENCE,
        lambda: L.Normalization(mean=[4, 3, 2, 1], variance=[1, 2, 3, 4]),
    ),
    "Permute": (SEQUENCE, lambda: L.Permute((2, 1))),
    "PReLU": (IMAGE, lambda: L.PReLU(shared_axes=(1, 2))),
    "RandomFlip": (IMAGE, lambda: keras.Sequential([L.RandomFlip(), L.RandomRotation(0.2)])),
    "ReLU": (IMAGE, lambda: L.ReLU(6.0, 0.1, 0.2)),
    "RepeatVector": ((4,), lambda: L.RepeatVector(3)),
    "Rescaling": (IMAGE, lambda: L.Rescaling([2, 3, 4], offset=-1)),
    "Reshape": (IMAGE, lambda: L.Reshape((4, -1))),
    "Resizing": (IMAGE, lambda: L.Resizing(5, 5, "nearest")),
    "RNN": (SEQUENCE, lambda: L.RNN([L.LSTMCell(3), L.GRUCell(4), L.SimpleRNNCell(2)])),
    "SeparableConv2D": (IMAGE, lambda: L.SeparableConv2D(4, 3, depth_multiplier=2)),
    "SimpleRNN": (SEQUENCE, lambda: L.SimpleRNN(3, return_sequences=True)),
    "Softmax": (IMAGE, lambda: L.Softmax(axis=1)),
    "SpatialDropout2D": (IMAGE, lambda: L.SpatialDropout2D(0.3)),
    "TimeDistributed": ((3, 8, 8, 3), lambda: L.TimeDistributed(L.Conv2D(2, 3))),
    "TimeDistributedModel": (
        (3, 4),
        lambda: L.TimeDistributed(keras.Sequential([keras.Input((4,)), L.Dense(3), L.Dense(2)])),
    ),
    "UnitNormalization": (SEQUENCE, lambda: L.UnitNormalization()),
    "UpSampling2D": (IMAGE, lambda: L.UpSampling2D(2, interpolation="bilinear")),
    "ZeroPadding2D": (IMAGE, lambda: L.ZeroPadding2D(((1, 2), (0, 1)))),
}


def one(name):
    shape, layer = LAYERS[name]
    x = keras.Input(shape, dtype="int32" if shape is TOKENS else "float32", name="entry")
    return keras.Model(x, layer()(x), name="whole")


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_computes_the_same(name):
    counterpart = assert_same(one(name))
    assert counterpart.name == "whole" and counterpart.input_names == ["entry"]


def block(name, shape=IMAGE):
    x = keras.Input(shape)
    y = L.BatchNormalization(name="norm")(L.Conv2D(3, 3, padding="same", name="conv")(x))
    return keras.Model(x, L.ReLU(name="relu")(y + x), name=name)


def shared_layer():
    a, b, dense = keras.Input((4,), name="a"), keras.Input((4,), name="b"), L.Dense(3)
    return keras.Model([a, b], [dense(a) - dense(b), dense(b)])


def nested_twice_and_deep():
    inner = block("inner")
    x = keras.Input(IMAGE)
    middle = keras.Model(x, inner(inner(x)) * 0.5, name="middle")
    a, b = keras.Input(IMAGE, name="a"), keras.Input(IMAGE, name="b")
    return keras.Model([b, a], L.Concatenate()([middle(a), middle(b), inner(a)]))


def dictionaries():
    inputs = {name: keras.Input((size,), name=f"in_{name}") for name, size in (("z", 2), ("y", 3))}
    joined = ops.concatenate([inputs["z"], inputs["y"]], axis=-1)
    inner = keras.Model(inputs, {"p": L.Dense(2)(joined), "o": L.Dense(4)(joined)}, name="inner")
    outputs = inner({"z": inputs["z"], "y": inputs["y"]})
    return keras.Model(inputs, {"second": outputs["p"], "first": outputs["o"]})


def inner_of_a_list():
    a, b = keras.Input((2,), name="a"), keras.Input((3,), name="b")
    inner = keras.Model([a, b], L.Concatenate()([L.Dense(2)(b), a]), name="inner")
    return keras.Model([a, b], inner([a, b]))


def attention():
    x = keras.Input((5, 8))
    y = L.MultiHeadAttention(2, 4)(x, x, use_causal_mask=True)
    y = L.LayerNormalization()(x + y)
    return keras.Model(x, y + L.Dense(8, "gelu")(y))


def of_states():
    x = keras.Input(SEQUENCE)
    y, h, c = L.LSTM(3, return_sequences=True, return_state=True)(x)
    return keras.Model(x, [L.LSTM(3)(y, initial_state=[h, c]), h])


def masked():
    x = keras.Input(TOKENS, dtype="int32")
    return keras.Model(x, L.Bidirectional(L.LSTM(3))(L.Embedding(5, 4, mask_zero=True)(x)))


def of_ops(function, shape=IMAGE):
    x = keras.Input(shape)
    return lambda: keras.Model(x, function(x))


GRAPHS = {
    "a shared layer": shared_layer,
    "nested twice and deep": nested_twice_and_deep,
    "dictionaries": dictionaries,
    "a nested model with a list": inner_of_a_list,
    "attention": attention,
    "states": of_states,
    "masks": masked,
    "Sequential": lambda: keras.Sequential([keras.Input(IMAGE), block("b"), L.Flatten()]),
    "a frozen part": lambda: keras.Sequential(
        [keras.Input(IMAGE), of_ops(lambda x: block("b")(x, training=False))()]
    ),
    "operators": of_ops(lambda x: (1 - x) * 2 / (x + 3) - x**2),
    "an array": of_ops(lambda x: x * np.arange(3, dtype="float32")),
    "slices": of_ops(lambda x: x[:, 0, ::2] + x[:, -1, 1:2, :]),
    "mean and reshape": of_ops(lambda x: ops.reshape(ops.mean(x, axis=1), (-1, 24))),
    "transpose and matmul": of_ops(lambda x: ops.matmul(x, ops.transpose(x, (0, 2, 1))), SEQUENCE),
    "split and stack": of_ops(lambda x: ops.stack(ops.split(x, 3, axis=-1)[::-1], axis=1)),
    "activations": of_ops(lambda x: ops.softmax(ops.relu(x) + ops.sigmoid(x), axis=1)),
    "resize": of_ops(lambda x: ops.image.resize(x, (5, 7), interpolation="bilinear")),
    "where": of_ops(lambda x: ops.where(x > 0, x, ops.exp(x))),
    "einsum": of_ops(lambda x: ops.einsum("abc,abd->acd", x, x), SEQUENCE),
    "pad and clip": of_ops(
        lambda x: ops.clip(ops.pad(x, [[0, 0], [1, 1], [0, 0]]), -1, 0), SEQUENCE
    ),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_a_graph_computes_the_same(name):
    model = GRAPHS[name]()
    counterpart = assert_same(model)
    assert counterpart.input_names == [tensor.name for tensor in model.inputs]
    clone = tf_keras.models.clone_model(counterpart)
    clone.set_weights(counterpart.get_weights())
    arrays = inputs_of(model)
    for one_, other in zip(outputs_of(counterpart, arrays), outputs_of(clone, arrays), strict=True):
        np.testing.assert_array_equal(one_, other)


def test_names_are_kept_and_those_of_nested_layers_get_a_prefix():
    names = [layer.name for layer in to_tf_keras(nested_twice_and_deep()).layers]
    assert names.count("middle_inner_conv") == names.count("middle_inner_norm") == 1
    assert not any(name.startswith("inner_") for name in names)
    assert {"a", "b", "concatenate"} <= {name.rstrip("_0123456789") for name in names}


def test_a_tf_keras_model_comes_back_as_it_is():
    model = tf_keras.Sequential([tf_keras.layers.InputLayer((3,)), tf_keras.layers.Dense(2)])
    assert to_tf_keras(model) is model


class Own(keras.layers.Layer):
    def call(self, x):
        return x


class OwnModel(keras.Model):
    def call(self, x):
        return x


REFUSED = {
    "a custom layer": (lambda: Own(name="mine"), "received 'mine' (Own); build that part"),
    "a Lambda": (lambda: L.Lambda(lambda x: x, name="mine"), "received 'mine' (Lambda)"),
    "an own activation": (
        lambda: L.Activation(lambda x: x, name="mine"),
        "received 'mine' (Activation); its activation is",
    ),
    "an operation as activation": (
        lambda: L.Activation(keras.ops.gelu, name="mine"),
        "received 'mine' (Activation); its activation is",
    ),
    "a layer that Keras 2 has not": (
        lambda: L.RMSNormalization(name="mine"),
        "received 'mine' (RMSNormalization)",
    ),
    "an argument that Keras 2 has not": (
        lambda: L.DepthwiseConv1D(1, name="mine", dtype="float16"),
        "its dtype is float16",
    ),
    "a random crop": (lambda: L.RandomCrop(2, 2, name="mine"), "or with CenterCrop"),
    "a subclassed model": (lambda: OwnModel(name="mine"), "'mine' (OwnModel), which has a call()"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_equivalent_is_refused_by_name(name):
    layer, message = REFUSED[name]
    x = keras.Input(SEQUENCE)
    with pytest.raises(DeployError) as caught:
        to_tf_keras(keras.Model(x, layer()(x)))
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (OwnModel, "(OwnModel), which has a call() of its own"),
        (lambda: keras.Sequential([L.Dense(2)]), "(Sequential), whose inputs are not defined"),
    ],
)
def test_a_model_without_inputs_is_refused(build, message):
    with pytest.raises(DeployError) as caught:
        to_tf_keras(build())
    assert message in str(caught.value)
