"""What indexes, selects or counts is exact in an int8 model, however the index gets there."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from deploy.bundle.card import describe
from deploy.convert.converter import convert
from deploy.flatbuffer import operators
from deploy.load.readers import load
from deploy.measure.interpreters import run_deployed
from deploy.measure.parity import parity
from deploy.quantize.calibration import calibrate
from deploy.targets import find_target


def deployed(model, x, scheme="int8"):
    """The parity in decibels, the card's description and the operators of the converted model."""
    source = load(model)
    examples = calibrate(x, source)
    content = convert(source, scheme, examples).content
    front_ends = [{"kind": "array"}] * len(source.inputs)
    card = describe(content, source, find_target("cpu"), {"task": "regression"}, front_ends)
    received, _ = run_deployed(content, card, "litert", examples.arrays)
    expected = source.predict(examples.arrays)
    return parity(source.outputs, expected, received)["sqnr_db"], card, operators(content)


def on(shape, dtype, network, highest, seed=0):
    """A dense layer on what `network` makes of an input of whole numbers, and examples of it."""
    keras.utils.set_random_seed(seed)
    entry = keras.Input(shape, dtype=dtype)
    model = keras.Model(entry, layers.Dense(2)(layers.Flatten()(network(entry))))
    numbers = np.random.default_rng(seed).integers(0, highest, (64, *shape))
    return model, numbers.astype(dtype)


@pytest.mark.parametrize("dtype", ["int32", "uint8", "float32"])
def test_categories_keep_their_numbers(dtype):
    """They went through int8 as 255 steps over the range seen: error 0.93 of an output of 1.2."""
    model, x = on((1,), dtype, layers.CategoryEncoding(200, "one_hot"), 200)
    ratio, card, found = deployed(model, x)
    assert ratio > 40
    assert card["inputs"][0]["dtype"] == dtype and card["inputs"][0]["scale"] is None
    names = [operator.name for operator in found]
    assert names == ["RESHAPE", "CAST", "ONE_HOT", "FULLY_CONNECTED"]
    # Of integers no float is made on the way.
    floats = [t.dtype for operator in found for t in operator.results if t.dtype == "float32"]
    assert floats == (["float32"] if dtype == "float32" else [])


def test_the_off_value_of_a_one_hot_is_zero():
    """The converter wrote 0 in a scale of its own, which is 0.5 in that of the output."""
    model, x = on((4,), "int32", lambda x: 3 * ops.one_hot(x, 300) - 1, 300)
    ratio, _, found = deployed(model, x)
    assert ratio > 40
    one_hot = next(operator for operator in found if operator.name == "ONE_HOT")
    off, (result,) = one_hot.operands[3], one_hot.results
    assert result.scale * (int(off.values) - result.zero_point) == 0.0


@pytest.mark.parametrize(
    ("network", "highest"),
    [
        (layers.Embedding(300, 3), 300),
        (lambda x: ops.mod(x, 3.0), 300),
        (lambda x: ops.cast(ops.equal(x, 7.0), "float32"), 10),
        (layers.Discretization(bin_boundaries=[50.0, 120.0, 220.0], output_mode="one_hot"), 300),
    ],
    ids=["look up", "remainder", "equal", "bins"],
)
def test_numbers_in_a_float_input_are_exact(network, highest):
    """-1.3, 7.2, 0.0 and 14 dB before."""
    model, x = on((4,), "float32", network, highest)
    ratio, card, _ = deployed(model, x)
    assert ratio > 38
    assert (card["inputs"][0]["dtype"], card["inputs"][0]["scale"]) == ("float32", None)


@pytest.mark.parametrize("scheme", ["int8", "int8-float-ends"])
def test_a_table_of_a_category_and_measurements(scheme):
    """The category is looked up as it is; the rest is quantized behind the input."""
    keras.utils.set_random_seed(0)
    table = keras.Input((4,))
    category = ops.cast(table[:, 0:1], "int32")
    looked_up = layers.Flatten()(layers.Embedding(300, 3)(category))
    joined = layers.Concatenate()([looked_up, table[:, 1:]])
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.integers(0, 300, (64, 1)), rng.normal(size=(64, 3))], axis=1)
    model = keras.Model(table, layers.Dense(2)(joined))
    ratio, card, found = deployed(model, x.astype("float32"), scheme)
    assert ratio > 33
    assert card["inputs"][0]["dtype"] == "float32"
    assert [op.name for op in found].count("QUANTIZE") == 1


def test_integers_that_are_computed_with_stay_integers():
    """A count of large numbers, an index with a shift: they never were quantized."""
    entry = keras.Input((4,), dtype="int32")
    count = ops.sum(ops.cast(entry > 150, "int32"), axis=1, keepdims=True)
    x = np.random.default_rng(0).integers(0, 300, (64, 4)).astype("int32")
    ratio, card, _ = deployed(keras.Model(entry, count), x)
    assert ratio is None
    assert [entry["dtype"] for entry in card["inputs"] + card["outputs"]] == ["int32", "int32"]
    ratio, _, _ = deployed(*on((4,), "int32", lambda x: layers.Embedding(3000, 3)(10 * x), 299))
    assert ratio > 38
