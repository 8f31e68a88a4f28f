"""Keras's operations reach TFLite as its own operators, and give what Keras gives."""

import keras
import numpy as np
import pytest
from keras import layers, ops
from keras.src.backend.tensorflow import numpy as keras_numpy

import deploy
from deploy.convert.builtin_forms import builtin_forms
from deploy.convert.converter import convert
from deploy.flatbuffer import operators
from deploy.load.readers import load
from deploy.measure.interpreters import run_litert
from deploy.runtime.errors import DeployError


def converted(model, arrays):
    """Keras's outputs, the float flatbuffer's, and the operators."""
    source = load(model)
    content = convert(source, "float32", None).content
    received = run_litert(content, arrays).outputs[0]
    return source.predict(arrays)[0], received, [op.name for op in operators(content)]


def bins(x):
    return ops.searchsorted(ops.convert_to_tensor([-1.0, 0.0, 1.0]), ops.reshape(x, (-1,)))


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        (lambda x: ops.argmax(x, axis=-1), ["ARG_MAX"]),
        (lambda x: ops.argmin(x, axis=1), ["ARG_MIN"]),
        (lambda x: ops.argmax(x, axis=-1, keepdims=True), ["ARG_MAX"]),
        (ops.signbit, ["LESS"]),
        (lambda x: ops.cumprod(x, axis=1), ["MUL", "PACK", "UNPACK"]),
        (ops.sinh, ["EXP", "MUL", "NEG", "SUB"]),
        (ops.cosh, ["ADD", "EXP", "MUL", "NEG"]),
        (lambda x: ops.tan(x / 4), ["COS", "DIV", "MUL", "SIN"]),
        (lambda x: ops.diagonal(x, axis1=1, axis2=2), []),
        (bins, ["LESS", "SUM"]),
    ],
)
def test_an_operation_is_a_built_in_one(operation, expected):
    entry = keras.Input((6, 8))
    x = np.random.default_rng(0).normal(size=(4, 6, 8)).astype("float32")
    # What it is made of, and no more, wherever it is called: in the graph or within a layer.
    for called in (operation, layers.Lambda(operation)):
        keras_output, received, found = converted(keras.Model(entry, called(entry)), [x])
        assert sorted(set(found) - {"CAST", "STRIDED_SLICE", "RESHAPE"}) == expected
        np.testing.assert_allclose(received, keras_output.reshape(received.shape), atol=2e-5)


def test_a_segmenter_may_end_in_argmax(tmp_path):
    keras.utils.set_random_seed(0)
    image = keras.Input((8, 8, 3))
    classes = layers.Conv2D(5, 3, padding="same")(layers.Rescaling(1 / 255)(image))
    model = keras.Model(image, ops.argmax(classes, axis=-1))
    x = np.random.default_rng(0).uniform(0, 255, (32, 8, 8, 3)).astype("float32")
    (float_card, card) = deploy.export(
        model, ["cpu-float", "cpu"], out=tmp_path, calibration=x, verbose=0
    )
    assert float_card["ops"]["ARG_MAX"] == card["ops"]["ARG_MAX"] == 1
    assert float_card["parity"]["max_abs_error"] == 0.0
    assert card["outputs"][0]["dtype"] == "int32" and card["outputs"][0]["scale"] is None
    assert card["parity"]["outputs"][0]["same"] > 0.95


@pytest.mark.parametrize("mode", ["multi_hot", "count"])
def test_categories_are_encoded_without_bincount(mode):
    entry = keras.Input((5,), dtype="int32")
    model = keras.Model(entry, layers.CategoryEncoding(8, mode)(entry))
    x = np.random.default_rng(0).integers(0, 8, (16, 5)).astype("int32")
    keras_output, received, _ = converted(model, [x])
    np.testing.assert_array_equal(received, keras_output)
    assert (keras_output.max() > 1) == (mode == "count")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"output_mode": "multi_hot"},
        {"num_oov_indices": 3},
        {"mask_token": 0},
        {"num_oov_indices": 0},
    ],
)
def test_an_integer_is_looked_up_by_comparison(options):
    entry = keras.Input((5,), dtype="int32")
    layer = layers.IntegerLookup(vocabulary=[10, 20, 300000], **options)
    known = [10, 20, 300000] if options.get("num_oov_indices") == 0 else [10, 20, 300000, 7, 8, 0]
    x = np.random.default_rng(0).choice(known, (16, 5)).astype("int32")
    keras_output, received, _ = converted(keras.Model(entry, layer(entry)), [x])
    np.testing.assert_array_equal(received, keras_output)


def test_keras_has_its_own_definitions_again():
    before = keras_numpy.argmax
    with pytest.raises(ZeroDivisionError), builtin_forms():
        assert keras_numpy.argmax is not before
        1 / 0  # noqa: B018
    assert keras_numpy.argmax is before


def test_what_can_not_be_traced_is_one_line():
    entry = keras.Input((4,), dtype="int32")
    hashed = {"num_oov_indices": 2, "oov_method": "farmhash"}
    model = keras.Model(entry, layers.IntegerLookup(vocabulary=[1, 2], **hashed)(entry))
    with pytest.raises(DeployError) as caught:
        convert(load(model), "float32", None)
    assert "\n" not in str(caught.value)
    assert "failed while tracing it" in str(caught.value)
