"""LiteRT's quantizer: the numbers of each scheme, the ranges it finds, and where it is not used."""

import warnings

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from deploy.convert.converter import convert
from deploy.flatbuffer import computes_in_float, operators
from deploy.load.readers import load
from deploy.measure.interpreters import run_litert, run_micro
from deploy.measure.parity import parity
from deploy.quantize.calibration import calibrate
from deploy.quantize.recipes import find_ranges, quantize
from deploy.runtime import Model
from deploy.runtime.quantization import dequantize
from deploy.runtime.quantization import quantize as to_integers

L = keras.layers


@pytest.fixture(scope="module")
def network():
    """A small network with a depthwise layer, its examples and its float flatbuffer."""
    keras.utils.set_random_seed(3)
    x = image = keras.Input((12, 12, 3), name="image")
    x = L.Conv2D(8, 3, activation="relu")(x)
    x = L.DepthwiseConv2D(3, activation="relu")(x)
    x = L.GlobalAveragePooling2D()(x)
    source = load(keras.Model(image, L.Dense(4)(x)))
    arrays = np.random.default_rng(0).normal(size=(64, 12, 12, 3)).astype("float32")
    return source, arrays, convert(source, "float32", None).content


def kernels(content):
    """The dtypes of the kernels, and how many scales each has."""
    details = {t["name"]: t for t in Interpreter(model_content=content).get_tensor_details()}
    found = [operator.operands[1] for operator in operators(content) if len(operator.operands) > 2]
    return [
        (tensor.dtype, len(details[tensor.name]["quantization_parameters"]["scales"]))
        for tensor in found
    ]


def answers(content, arrays, runtime=run_litert):
    card = Model(content, {}, []).card
    run = runtime(content, [to_integers(arrays, card["inputs"][0])])
    return dequantize(run.outputs[0], card["outputs"][0])


@pytest.mark.parametrize(
    ("scheme", "expected", "ends", "least"),
    [
        ("int8", [("int8", 8), ("int8", 8), ("int8", 4)], "int8", 30),
        ("int8-float-ends", [("int8", 8), ("int8", 8), ("int8", 4)], "float32", 30),
        ("int8-per-tensor", [("int8", 1), ("int8", 1), ("int8", 1)], "int8", 27),
        ("int16", [("int8", 8), ("int8", 8), ("int8", 4)], "int16", 33),
        ("dynamic", [("int8", 8), ("int8", 8), ("int8", 4)], "float32", 33),
    ],
)
def test_the_numbers_of_each_scheme(network, scheme, expected, ends, least):
    source, arrays, floats = network
    content = quantize(floats, scheme, find_ranges(floats, {"image": arrays}))
    card = Model(content, {}, []).card
    assert kernels(content) == expected
    assert [card[kind][0]["dtype"] for kind in ("inputs", "outputs")] == [ends, ends]
    assert any(map(computes_in_float, operators(content))) == (scheme == "dynamic")
    error = parity([""], source.predict([arrays]), [answers(content, arrays)])
    assert error["sqnr_db"] > least


def test_int4_where_there_is_a_kernel_for_it(network):
    source, arrays, floats = network
    content = quantize(floats, "int4")
    constants = {
        t.name.removesuffix("_dequant"): t.dtype
        for operator in operators(content)
        for t in operator.operands
        if t is not None and t.values is not None and len(t.shape) > 1
    }
    assert sorted(constants.values()) == ["int4", "int4", "int8"]  # the depthwise kernel has int8
    error = parity([""], source.predict([arrays]), [answers(content, arrays)])
    assert 10 < error["sqnr_db"] < 35


def test_ranges_are_the_least_and_the_largest_value(network):
    source, arrays, floats = network
    ranges = find_ranges(floats, {"image": arrays})
    image = ranges["serving_default_image:0"]
    assert (image["min"].item(), image["max"].item()) == (arrays.min(), arrays.max())
    hidden = keras.Model(source.model.inputs, source.model.layers[1].output)(arrays)
    name = operators(floats)[0].results[0].name
    assert ranges[name]["max"].item() == pytest.approx(float(keras.ops.max(hidden)), rel=1e-5)


@pytest.mark.parametrize("other", ["float32", "int16"])
def test_a_single_operator_has_numbers_of_its_own(network, other):
    _, arrays, floats = network
    depthwise = operators(floats)[1].results[0].name
    with warnings.catch_warnings(action="error"):
        ranges = find_ranges(floats, {"image": arrays})
        content = quantize(floats, "int8", ranges, {depthwise: other})
    found = {operator.name: operator.results[0].dtype for operator in operators(content)}
    assert (found["CONV_2D"], found["DEPTHWISE_CONV_2D"], found["MEAN"]) == ("int8", other, "int8")
    assert Model(content, {}, []).card["inputs"][0]["dtype"] == "int8"


def test_weights_of_a_large_model_reach_litert_micro():
    pytest.importorskip("tflite_micro")
    keras.utils.set_random_seed(0)
    source = load(keras.Sequential([keras.Input((64,)), L.Dense(600, "relu"), L.Dense(500)]))
    arrays = np.random.default_rng(0).normal(size=(64, 64)).astype("float32")
    content = convert(source, "int8", calibrate(arrays, source)).content
    assert len(content) > 2**18
    np.testing.assert_allclose(
        answers(content, arrays[:8], run_micro), answers(content, arrays[:8]), atol=0.05
    )


def test_what_the_library_does_not_know_the_converter_quantizes():
    keras.utils.set_random_seed(0)
    x = keras.Input((16,))
    source = load(keras.Model(x, L.LeakyReLU(0.3)(L.Dense(8)(x))))
    arrays = np.random.default_rng(0).normal(size=(64, 16)).astype("float32")
    made = convert(source, "int8", calibrate(arrays, source))
    assert made.quantizer == "tensorflow"
    assert not any(map(computes_in_float, operators(made.content)))
    error = parity([""], source.predict([arrays]), [answers(made.content, arrays)])
    assert error["sqnr_db"] > 30
