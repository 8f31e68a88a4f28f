"""Dense layers: equalization, rounding with care, and scales chosen by what they cost."""

import itertools
import json

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

import deploy
from deploy.convert.converter import convert
from deploy.flatbuffer import Constant, operators, with_constants
from deploy.load.readers import load
from deploy.measure.parity import parity
from deploy.quantize.calibration import calibrate
from deploy.quantize.dense_layers import (
    LEAST_SQNR,
    choose_scales,
    dense_layers,
    equalize,
    largest_integers,
    round_with_care,
)
from deploy.quantize.recipes import find_ranges, quantize
from deploy.runtime import Model
from deploy.targets import TARGETS

L = keras.layers
COARSER = TARGETS["ethos-u55-128"].dense


def low_rank(examples, seed=0):
    """Vectors (examples, 96) that lie near a space of six dimensions."""
    generator = np.random.default_rng(seed)
    basis = np.random.default_rng(9).normal(size=(6, 96))
    x = generator.normal(size=(examples, 6)) @ basis + 0.1 * generator.normal(size=(examples, 96))
    return x.astype("float32")


def autoencoder():
    """96-128-128-96, whose hidden channels differ by up to 64 times on both sides."""
    keras.utils.set_random_seed(1)
    x = vector = keras.Input((96,), name="vector")
    for index in range(2):
        x = L.Dense(128, "relu", name=f"hidden_{index}", bias_initializer="random_normal")(x)
    model = keras.Model(vector, L.Dense(96, name="end")(x), name="autoencoder")
    generator = np.random.default_rng(2)
    for first, second in itertools.pairwise(model.layers[1:]):
        scale = 2 ** generator.uniform(-3, 3, 128)
        kernel, bias = first.get_weights()
        first.set_weights([kernel * scale, bias * scale])
        kernel, bias = second.get_weights()
        second.set_weights([kernel / scale[:, None], bias])
    return model


@pytest.fixture(scope="module")
def network():
    """The autoencoder, its calibration, its float flatbuffer and its ranges."""
    source = load(autoencoder())
    floats = convert(source, "float32", None).content
    examples = calibrate(low_rank(256), source)
    return source, examples, floats, find_ranges(floats, {"vector": examples.arrays[0]})


def answers(content, x):
    return Model(content, {}, []).run([x])


def sqnr(floats, content, x):
    return parity(["end"], answers(floats, x), answers(content, x))["sqnr_db"]


def kernels(content):
    return [op.operands[1] for op in operators(content) if op.name == "FULLY_CONNECTED"]


def test_equalization_leaves_the_function_and_evens_the_channels_out(network):
    floats, x = network[2], low_rank(64, 1)
    equalized = equalize(floats)
    (expected,), (received,) = answers(floats, x), answers(equalized, x)
    np.testing.assert_allclose(received, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())
    layers = dense_layers(equalized)
    for first, second in itertools.pairwise(layers):
        rows, columns = np.abs(first.weights).max(axis=1), np.abs(second.weights).max(axis=0)
        np.testing.assert_allclose(rows, columns, rtol=0.01)
    before = dense_layers(floats)[0].weights
    assert np.abs(before).max(axis=1).max() > 20 * np.abs(before).max(axis=1).min()
    # Done again it changes next to nothing.
    for once, twice in zip(layers, dense_layers(equalize(equalized)), strict=True):
        np.testing.assert_allclose(once.weights, twice.weights, rtol=0.02)


def test_channels_that_are_seen_elsewhere_or_bent_are_left():
    x = vector = keras.Input((8,))
    x = one = L.Dense(8, "relu")(x)
    two = L.Dense(8, "tanh")(x)
    x = L.Dense(8)(L.Add()([one, two]))
    source = load(keras.Model(vector, [L.Dense(8)(x), x]))
    floats = convert(source, "float32", None).content
    assert len(dense_layers(floats)) == 4
    assert equalize(floats) == floats


def test_clustered_kernels_stay_clustered(network):
    floats = network[2]
    layer = dense_layers(floats)[1]
    step = np.abs(layer.weights).max() / 8
    values = Constant((np.rint(layer.weights / step) * step).astype("float32"))
    floats = with_constants(floats, {layer.constants[0]: values})
    assert equalize(floats) == floats


def lost(weights, integers, scale, moments):
    error = weights - scale * integers
    return float(np.einsum("ui,ij,uj", error, moments, error))


def test_without_correlations_the_nearest_is_the_best():
    weights = np.random.default_rng(0).normal(size=(5, 7))
    (rounded,) = round_with_care(weights, [0.1], 3 * np.eye(7))
    np.testing.assert_array_equal(rounded, np.rint(weights / 0.1))
    assert rounded.dtype == np.int8
    # Inputs that are always zero tell nothing.
    (rounded,) = round_with_care(weights, [0.1], np.zeros((7, 7)))
    np.testing.assert_array_equal(rounded, np.rint(weights / 0.1))


def test_rounding_with_care_is_near_the_best_there_is():
    """Against all 2⁸ ways to round eight weights up or down."""
    generator = np.random.default_rng(3)
    x = generator.normal(size=(50, 3)) @ generator.normal(size=(3, 8))
    x += 0.1 * generator.normal(size=x.shape)
    moments, nearest, careful, best = x.T @ x / len(x), 0.0, 0.0, 0.0
    for weights in generator.normal(size=(40, 1, 8)):
        (rounded,) = round_with_care(weights, [0.5], moments)
        careful += lost(weights, rounded, 0.5, moments)
        nearest += lost(weights, np.rint(weights / 0.5), 0.5, moments)
        ways = np.floor(weights / 0.5) + np.array(list(itertools.product([0, 1], repeat=8)))
        best += min(lost(weights, way[None], 0.5, moments) for way in ways)
    # Near the best, and it may go farther than to the next integer.
    assert careful < nearest / 4
    assert careful < 3 * best


def test_zeros_stay_and_integers_keep_their_range():
    generator = np.random.default_rng(4)
    x = generator.normal(size=(80, 2)) @ generator.normal(size=(2, 32))
    weights = generator.normal(size=(6, 32)) * (generator.uniform(size=(6, 32)) < 0.3)
    for scale, rounded in zip(
        (0.2, 0.005), round_with_care(weights, [0.2, 0.005], x.T @ x), strict=True
    ):
        assert (rounded[weights == 0] == 0).all()
        assert np.abs(rounded.astype(int)).max() <= 127
        assert np.abs(weights).max() / scale > (127 if scale == 0.005 else 0)


def test_scales_are_as_coarse_as_the_outputs_allow(network):
    source, examples, floats, ranges = network
    ways = list(choose_scales(floats, "int8", COARSER, ranges, examples, source))
    # Finer steps than the second come to nothing here.
    assert 1 <= len(ways) <= len(LEAST_SQNR)
    content, of_content, told = ways[0]
    x = low_rank(200, 5)
    plain = quantize(floats, "int8", ranges)
    least = LEAST_SQNR[0]
    assert told["per_channel_sqnr_db"] < least - 6
    assert least - 4 <= told["sqnr_db"] < least + 2
    assert sqnr(floats, content, x) == pytest.approx(told["sqnr_db"], abs=1)
    assert sqnr(floats, plain, x) == pytest.approx(told["per_channel_sqnr_db"], abs=1)
    # Channels this uneven are nothing for one scale.
    assert sqnr(floats, quantize(floats, "int8-per-tensor", ranges), x) < least - 12
    assert told["equalized"] and of_content == equalize(floats)
    assert [each["layer"] for each in told["layers"]] == ["hidden_0", "hidden_1", "end"]
    for kernel, each in zip(kernels(content), told["layers"], strict=True):
        counts = np.unique(kernel.values, return_counts=True)[1] / kernel.values.size
        assert -(counts * np.log2(counts)).sum() == pytest.approx(each["bits"], abs=1e-6)
        assert each["bits"] < 6.5 and np.abs(kernel.values).max() == each["largest"] < 64
    # No byte is stored twice.
    assert len(content) < len(quantize(floats, "int8-per-tensor", ranges)) + 200


def test_one_scale_throughout_is_as_good_as_one_for_each_channel(network):
    source, examples, floats, ranges = network
    scheme = "int8-dense-per-tensor"
    largest = largest_integers(scheme, ())
    assert largest == (127,)
    found = next(choose_scales(floats, scheme, largest, ranges, examples, source))
    x = low_rank(200, 5)
    assert sqnr(floats, found.content, x) > sqnr(floats, quantize(floats, "int8", ranges), x)
    assert all(each["largest"] > 120 for each in found.told["layers"])


def test_only_integers_with_a_choice_are_chosen():
    assert largest_integers("int8", COARSER) == COARSER
    assert largest_integers("int8-per-tensor", COARSER) == COARSER
    assert largest_integers("int8", ()) == ()
    assert largest_integers("int16", COARSER) == ()
    assert largest_integers("int8-float-ends", COARSER) == ()
    assert [name for name, row in TARGETS.items() if row.dense] == [
        name for name in TARGETS if name.startswith("ethos-u")
    ]


def test_small_layers_and_other_networks_are_left(network):
    _, examples, floats, ranges = network
    small = load(keras.Sequential([keras.Input((8,)), L.Dense(32, "relu"), L.Dense(4)]))
    x = np.random.default_rng(0).normal(size=(32, 8)).astype("float32")
    content = convert(small, "float32", None).content
    assert list(choose_scales(content, "int8", COARSER, None, calibrate(x, small), small)) == []


def test_the_card_tells_and_the_bundle_runs(tmp_path):
    model, x = autoencoder(), low_rank(256)
    deploy.export(
        model, ["ethos-u55-128", "cortex-m"], out=tmp_path / "out", calibration=x, verbose=0,
        quantization="int8-dense-per-tensor",
    )  # fmt: skip
    for target, coarser in (("ethos-u55-128", True), ("cortex-m", False)):
        card = json.loads((tmp_path / "out" / target / "card.json").read_text("utf-8"))
        assert card["weights"] == "int8, per channel, dense layers per tensor"
        for each in card["dense"]["layers"]:
            assert each["largest"] < 64 and each["bits"] < 6 if coarser else each["largest"] > 120
        text = (tmp_path / "out" / target / "card.md").read_text("utf-8")
        assert f"`hidden_1` one scale, ±{card['dense']['layers'][1]['largest']}" in text
        assert "channels equalized; outputs" in text
        assert all(
            result["passed"] for result in deploy.runtime.selftest(tmp_path / "out" / target)
        )
        # Held against what the layers compute once they are equalized.
        assert min(each["sqnr_db"] for each in card["layers"]) > 25
    content = (tmp_path / "out" / "cortex-m" / "model.tflite").read_bytes()
    details = Interpreter(model_content=content).get_tensor_details()
    scales = {d["name"]: d["quantization_parameters"]["scales"] for d in details}
    assert [len(scales[kernel.name]) for kernel in kernels(content)] == [1, 1, 1]
