"""Layers that quantization hurts are found, named, and kept out of it."""

import keras
import numpy as np
import pytest

import deploy
from deploy import Quantization
from deploy.flatbuffer import operators
from deploy.load.layer_names import layer_name
from deploy.load.readers import load as load_source
from deploy.runtime import load

L = keras.layers


@pytest.fixture(scope="module")
def uneven(trained):
    """The digits network, computing the same, with channels of very different size inside: int8
    has one scale for all of them."""
    model = keras.saving.load_model(trained("convnet"))
    factors = np.geomspace(1, 2000, 40).astype("float32")
    normalization = model.get_layer("stage2_block1_bn")
    gamma, beta, mean, variance = normalization.get_weights()
    normalization.set_weights([gamma * factors, beta * factors, mean, variance])
    following = model.get_layer("stage2_block2_conv")
    kernel, *rest = following.get_weights()
    following.set_weights([kernel / factors[:, None], *rest])
    return model


def export(model, digits, out, target, quantization=None, verbose=0):
    return deploy.export(
        model,
        target,
        out=out,
        calibration=digits.train[0],
        quantization=quantization,
        test=digits.test,
        accept=True,
        verbose=verbose,
    )


def test_the_costliest_operators_are_named(uneven, digits, tmp_path, capsys):
    out = tmp_path / "bundle"
    options = {"calibration": digits.train[0], "test": digits.test}
    deploy.export(uneven, "cpu", out=out, accept=True, **options)
    card, printed = load(out).card, capsys.readouterr().out
    assert card["quality"]["keras"] - card["quality"]["deployed"] > 0.02
    assert {entry["layer"] for entry in card["costly"][:2]} == {
        "stage2_block1_conv",
        "stage2_block2_conv",
    }
    assert card["costly"][0]["sqnr_db"] < card["costly"][2]["sqnr_db"] - 10
    assert (
        f"{card['costly'][0]['layer']} (CONV_2D) {card['costly'][0]['sqnr_db']:.1f} dB" in printed
    )
    assert "fix keeps them in float32" in printed
    errors = {entry["layer"]: entry["sqnr_db"] for entry in card["layers"]}
    assert errors["stage2_block2_conv"] < errors["stage1_block1_conv"] - 10


@pytest.mark.parametrize("target", ["cpu", "cortex-m"])
def test_fix_keeps_the_accuracy(uneven, digits, tmp_path, target):
    card = export(uneven, digits, tmp_path / "bundle", target, Quantization(fix=True))
    quality, kept = card["quality"], card["kept"]
    assert 100 * (quality["keras"] - quality["deployed"]) <= 0.5
    assert 1 <= len(kept["operators"]) <= 8
    # The kernel is as uneven as the activations, and int16 helps only those.
    assert {entry["scheme"] for entry in kept["operators"]} == {"float32"}
    assert kept["before"]["deployed"] < quality["deployed"]
    assert kept["before"]["size_bytes"] != card["size_bytes"]
    assert all(result["passed"] for result in deploy.runtime.selftest(tmp_path / "bundle"))


@pytest.mark.parametrize("target", ["cpu", "cortex-m"])
def test_fix_keeps_inputs_of_uneven_size(target, tmp_path):
    """One scale serves all features of an int8 input: beside one in thousands, one in hundredths
    is lost before the first operator, unless the input stays a float."""
    random = np.random.default_rng(0)
    small, large = random.normal(size=(2, 400))
    x = np.stack([0.01 * small, 1000 * large + 500], axis=1).astype("float32")
    y = (small > 0).astype("int64")
    normalization = L.Normalization(mean=[0.0, 500.0], variance=[1e-4, 1e6], name="normalization")
    inputs = keras.Input((2,))
    dense = L.Dense(1, activation="sigmoid", name="classifier")
    model = keras.Model(inputs, dense(normalization(inputs)))
    dense.set_weights([np.array([[8.0], [0.0]]), np.zeros(1)])
    options = dict(
        quantization=Quantization(fix=True),
        calibration=x[:200],
        test=(x[200:], y[200:]),
        class_names=["no", "yes"],
    )
    card = deploy.export(model, target, out=tmp_path / "b", verbose=0, **options)
    assert card["kept"]["before"]["deployed"] < 0.7
    assert card["quality"]["keras"] == 1.0 and card["quality"]["deployed"] > 0.99
    assert card["inputs"][0]["dtype"] == "float32"
    kept = {entry["layer"] for entry in card["kept"]["operators"]}
    assert kept == {"normalization"}
    assert card["ops"] == {"SUB": 1, "MUL": 1, "QUANTIZE": 1, "FULLY_CONNECTED": 1, "LOGISTIC": 1}
    assert all(result["passed"] for result in deploy.runtime.selftest(tmp_path / "b"))


def test_layers_with_a_scheme_of_their_own(trained, digits, tmp_path, capsys):
    chosen = {"stage2_block1_conv": "float32", "classifier": "int16"}
    card = export(trained("convnet"), digits, tmp_path / "b", "cpu", Quantization(mixed=chosen), 1)
    assert "int8, float32 in 1 layer, int16 in 1 layer, " in capsys.readouterr().out
    found = operators((tmp_path / "b" / "model.tflite").read_bytes())
    dtypes = [operator.results[0].dtype for operator in found if operator.name == "CONV_2D"]
    assert dtypes == ["int8", "float32", "int8", "int8", "int8", "int8"]
    (dense,) = [operator for operator in found if operator.name == "FULLY_CONNECTED"]
    assert dense.results[0].dtype == "int16"
    assert card["mixed"] == chosen
    assert card["quality"]["deployed"] > 0.9


@pytest.mark.parametrize(
    ("target", "mixed", "message"),
    [
        (
            "cpu",
            {"conv_9": "float32"},
            "expected layers of the model, received 'conv_9'; it",
        ),
        (
            "coral",
            {"classifier": "int16"},
            "int8, int8-per-tensor, int8-dense-per-tensor for the layer 'classifier' on",
        ),
    ],
)
def test_layers_that_are_not_there_or_not_allowed(
    trained, digits, tmp_path, target, mixed, message
):
    with pytest.raises(deploy.DeployError) as caught:
        export(trained("convnet"), digits, tmp_path / "b", target, Quantization(mixed=mixed))
    assert message in str(caught.value)


def test_a_target_without_exceptions_keeps_its_integers(uneven, digits, tmp_path):
    card = export(uneven, digits, tmp_path / "bundle", "coral", Quantization(fix=True))
    assert card["kept"] is None
    assert card["costly"]


def test_the_converters_models_name_their_noisiest_operators(uneven, digits, tmp_path, capsys):
    # LiteRT's quantizer does not know this activation.
    images = keras.Input((8, 8, 1))
    logits = keras.layers.LeakyReLU(0.5)(uneven(images))
    card = deploy.export(
        keras.Model(images, keras.layers.Softmax()(logits)),
        "cpu",
        out=tmp_path / "bundle",
        calibration=digits.train[0],
        test=digits.test,
        quantization=Quantization(fix=True),
        accept=True,
    )
    assert card["quantizer"] == "tensorflow"
    ratios = [entry["sqnr_db"] for entry in card["costly"]]
    assert ratios == sorted(ratios)
    assert card["costly"][0]["sqnr_db"] == min(entry["sqnr_db"] for entry in card["layers"])
    assert "; the noisiest operators: " in capsys.readouterr().out
    assert card["kept"] is None


def test_what_is_within_the_tolerance_is_left_alone(exported):
    card = load(exported("convnet", "cpu")).card
    assert (card["costly"], card["kept"]) == ([], None)
    assert [entry["operator"] for entry in card["layers"]].count("CONV_2D") == 6
    assert min(entry["sqnr_db"] for entry in card["layers"]) > 20


def test_fix_needs_a_metric(trained, digits, tmp_path):
    with pytest.raises(deploy.DeployError, match="expected test data with fix, received none"):
        deploy.export(
            trained("convnet"),
            "cpu",
            out=tmp_path / "b",
            calibration=digits.train[0],
            quantization=Quantization(fix=True),
        )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(tolerance=-1), "a tolerance of 0 or more points, received -1"),
        (dict(tolerance=float("nan")), "a tolerance of 0 or more points, received nan"),
        (dict(fix=True, scheme="float16"), "integer activations with fix, received float16"),
        (dict(fix=True, mixed={"classifier": "int16"}), "either fix or mixed, received both"),
    ],
)
def test_options_without_a_meaning_are_refused(options, message, trained, digits, tmp_path):
    with pytest.raises(deploy.DeployError, match=message):
        export(trained("convnet"), digits, tmp_path / "b", "cpu", Quantization(**options))


def test_a_single_layer_in_integers_needs_calibration(trained, tmp_path):
    with pytest.raises(deploy.DeployError, match=r"which is quantized to int8, received none"):
        deploy.export(
            trained("convnet"),
            "cpu",
            out=tmp_path / "b",
            quantization=Quantization("float32", {"stage1_block1_conv": "int8"}),
        )


def test_a_scheme_that_the_target_has_not(trained, digits, tmp_path):
    with pytest.raises(
        deploy.DeployError,
        match=r"int8, int8-per-tensor, int8-dense-per-tensor for the target 'coral'",
    ):
        export(trained("convnet"), digits, tmp_path / "b", "coral", "int16")


def test_the_layer_behind_a_name_of_the_graph():
    x = keras.Input((4, 4, 2))
    inner = keras.Sequential([keras.Input((4, 4, 2)), L.Conv2D(2, 1, name="conv")], name="inner")
    y = L.ReLU(name="conv_1")(L.Conv2D(2, 1, name="conv_2")(inner(x)))
    source = load_source(keras.Model(x, y))
    # Keras 3 counts every scope up by one.
    assert layer_name("functional_1/inner_1/conv_1/convolution", source) == "conv"
    assert layer_name("functional_1/conv_1_2/Relu;functional_1/conv_2_1/convolution", source) == (
        "conv_2"
    )
    assert layer_name("StatefulPartitionedCall:0", source) is None
