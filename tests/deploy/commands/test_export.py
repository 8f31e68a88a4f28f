"""Every builder on every target: the deployed model gives what the Keras model gives."""

import hashlib
import json
from collections import Counter

import keras
import numpy as np
import pytest
import tf_keras

import deploy
from deploy import runtime
from deploy.load.readers import load as load_source
from deploy.measure.interpreters import run_deployed
from deploy.measure.parity import parity
from deploy.runtime.card import read_card
from deploy.targets import TARGETS
from tests.conftest import BUILDERS

# target → largest error of a probability, and points of accuracy that deployment may cost.
ALLOWED = {
    "cpu": (0.1, 0.3),
    "cpu-float": (1e-5, 0.0),
    "cpu-dynamic": (0.1, 0.3),
    "gpu": (0.01, 0.3),
    "cortex-m": (0.1, 0.3),
    "ethos-u55-128": (0.1, 0.3),
}
FIRMWARE = {
    "cortex-m": {"model_data.cc", "model_data.h"},
    "ethos-u55-128": {"model_data.cc", "model_data.h", "model_vela.tflite"},
}

# One target a compiler: the sizes of an accelerator are its own tests' affair.
EVERY = [(builder, target) for builder in BUILDERS for target in ALLOWED]


@pytest.fixture(params=EVERY, ids=[f"{builder}-{target}" for builder, target in EVERY])
def case(request, exported):
    """The builder's name, the target and the card of the bundle."""
    builder, target = request.param
    folder = exported(builder, target)
    return builder, target, folder, json.loads((folder / "card.json").read_text("utf-8"))


def test_the_deployed_model_gives_what_keras_gives(case, trained, digits):
    builder, target, folder, card = case
    expected = keras.saving.load_model(trained(builder)).predict(digits.test[0], verbose=0)
    predictions = runtime.load(folder).predict(digits.test[0])
    received = np.array([prediction["probabilities"] for prediction in predictions])
    error, points = ALLOWED[target]
    assert np.abs(received - expected).max() <= error
    ground_truth = digits.test[1]
    accuracy = {
        "keras": np.mean(expected.argmax(1) == ground_truth),
        "deployed": np.mean(received.argmax(1) == ground_truth),
    }
    assert accuracy["keras"] > 0.95
    assert 100 * (accuracy["keras"] - accuracy["deployed"]) <= points + 1e-9
    assert card["quality"]["keras"] == pytest.approx(accuracy["keras"])
    # LiteRT Micro, on which the card's figure was measured, may round a tie the other way.
    assert card["quality"]["deployed"] == pytest.approx(
        accuracy["deployed"], abs=1.1 / len(ground_truth)
    )
    assert card["quality"]["examples"] == len(ground_truth) == 360
    assert card["parity"]["max_abs_error"] <= error


def multiply_accumulates(layer):
    """Of a Keras layer, from its shapes: each output value sums over its kernel."""
    if not hasattr(layer, "kernel"):
        return 0
    values = np.prod(layer.output.shape[1:])
    depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
    return int(values * np.prod(layer.kernel.shape[: 2 if depthwise else -1]))


def test_the_card_tells_all(case, digits):
    builder, target, folder, card = case
    model = BUILDERS[builder]((8, 8, 1), 10)
    assert card["target"] == target
    assert card["scheme"] == TARGETS[target].scheme
    assert card["size_bytes"] == (folder / "model.tflite").stat().st_size
    assert card["params"] == model.count_params()
    assert card["macs"] == sum(map(multiply_accumulates, model.layers))
    operators = {"mlp": {"FULLY_CONNECTED": 3}}.get(builder, {"CONV_2D": 3})
    assert all(card["ops"][name] >= least for name, least in operators.items())
    assert card["seed"] == 0
    assert card["latency_ms"].keys() >= {"median", "p95", "threads", "runtime", "cpu"}
    assert 0 < card["latency_ms"]["median"] <= card["latency_ms"]["p95"]
    assert card["tools"].keys() >= {"tensorflow", "keras", "ai-edge-litert", "numpy"}
    assert (folder / "labels.txt").read_text().split() == digits.class_names
    assert f"`{target}`" in (folder / "card.md").read_text("utf-8")
    integer = TARGETS[target].scheme == "int8"
    for tensor in card["inputs"] + card["outputs"]:
        assert tensor["dtype"] == ("int8" if integer else "float32")
        assert (tensor["scale"] is not None) == (tensor["zero_point"] is not None) == integer
    if integer:
        # Pixels of 0 to 255 fit int8 exactly, and so does a probability of 0 to 255/256.
        assert (card["inputs"][0]["scale"], card["inputs"][0]["zero_point"]) == (1.0, -128)
        assert (card["outputs"][0]["scale"], card["outputs"][0]["zero_point"]) == (1 / 256, -128)
    assert (card["memory"] is None) == (target not in FIRMWARE)


def test_the_selftest_gives_the_recorded_outputs(case):
    _, _, folder, card = case
    (result,) = runtime.selftest(folder)
    assert result["passed"]
    assert result["examples"] == card["selftest"]["examples"] == 8
    assert result["max_difference"] <= result["tolerance"]


def test_only_the_files_of_the_contract_are_there(case):
    _, target, folder, _ = case
    expected = {"card.json", "card.md", "labels.txt", "model.tflite", "selftest.npz"}
    expected |= FIRMWARE.get(target, set())
    assert {path.name for path in folder.iterdir()} == expected


def test_an_int8_model_is_smaller_by_more_than_half(exported):
    size = {
        target: (exported("convnet", target) / "model.tflite").stat().st_size
        for target in ("cpu", "cpu-float", "gpu")
    }
    assert size["cpu"] < 0.5 * size["cpu-float"]
    assert size["gpu"] < 0.6 * size["cpu-float"]


def logits():
    keras.utils.set_random_seed(3)
    return keras.Sequential([keras.Input((4,), name="x"), keras.layers.Dense(3, name="logits")])


def two_classes():
    keras.utils.set_random_seed(3)
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, activation="sigmoid")])


@pytest.mark.parametrize(
    ("build", "class_names", "activation"),
    [
        (logits, ["a", "b", "c"], "linear"),
        (two_classes, ["no", "yes"], "sigmoid"),
        (logits, None, None),
    ],
)
def test_what_the_model_ends_in_is_understood(build, class_names, activation, tmp_path):
    model = build()
    x = np.random.default_rng(0).normal(size=(50, 4)).astype("float32")
    out = model.predict(x, verbose=0)
    if activation == "linear":
        y = out.argmax(1)
    elif activation == "sigmoid":
        y = (out[:, 0] > 0.5).astype(int)
    else:
        # Keras errs too, by 0.1: a loss in percent of no error at all would be without end.
        y = out + 0.1
    card = deploy.export(
        model,
        "cpu-float",
        out=tmp_path / "bundle",
        class_names=class_names,
        test=(x, y),
        verbose=0,
    )
    assert card["activation"] == activation
    # A model in memory is kept with its bundle, so that `verify` finds it.
    assert (tmp_path / "bundle" / "model.keras").is_file()
    assert deploy.verify(tmp_path / "bundle", (x, y))["passed"]
    predictions = runtime.load(tmp_path / "bundle").predict(x)
    if activation is None:
        assert card["quality"]["metric"] == "mean_absolute_error"
        np.testing.assert_allclose([a["outputs"]["logits"] for a in predictions], out, atol=1e-5)
        return
    assert card["quality"] == {"metric": "accuracy", "keras": 1.0, "deployed": 1.0, "examples": 50}
    assert [prediction["label"] for prediction in predictions] == [
        class_names[index] for index in y
    ]
    np.testing.assert_allclose([a["probabilities"].sum() for a in predictions], 1, atol=1e-6)
    assert len(Counter(prediction["label"] for prediction in predictions)) > 1


# Layer → multiply-accumulates of six steps; a state of zero is multiplied with nothing, but inside
# of the one operator of an LSTM.
RECURRENT = {
    "LSTM": (keras.layers.LSTM, 6 * 4 * 8 * (4 + 8)),
    "GRU": (keras.layers.GRU, 6 * 3 * 8 * 4 + 5 * 3 * 8 * 8),
}


@pytest.mark.parametrize(("layer", "macs"), RECURRENT.values(), ids=RECURRENT)
@pytest.mark.parametrize("target", ["cpu-float", "cpu-dynamic"])
def test_a_recurrent_model_goes_where_it_can(layer, macs, target, tmp_path):
    keras.utils.set_random_seed(5)
    model = keras.Sequential([keras.Input((6, 4)), layer(8), keras.layers.Dense(2)])
    card = deploy.export(model, target, out=tmp_path / "bundle", verbose=0)
    assert card["parity"]["sqnr_db"] > 30 and card["macs"] == macs + 8 * 2
    assert runtime.selftest(tmp_path / "bundle")[0]["passed"]


# Layer → the operator that it becomes, and how many of them there are.
IN_INT8 = {
    "lstm": (lambda: keras.layers.LSTM(8), "UNIDIRECTIONAL_SEQUENCE_LSTM", 1),
    "bidirectional_gru": (
        lambda: keras.layers.Bidirectional(keras.layers.GRU(4)),
        "FULLY_CONNECTED",
        2 * (2 + 2 * 5) + 1,
    ),
}


@pytest.mark.parametrize("target", ["cpu", "cortex-m"])
@pytest.mark.parametrize(("layer", "operator", "count"), IN_INT8.values(), ids=IN_INT8)
def test_a_recurrent_model_goes_to_int8(layer, operator, count, target, tmp_path):
    keras.utils.set_random_seed(5)
    model = keras.Sequential([keras.Input((6, 4)), layer(), keras.layers.Dense(2)], name="memory")
    model.save(tmp_path / "model.keras")
    data, out = np.random.default_rng(0).normal(size=(80, 6, 4)).astype("float32"), tmp_path / "b"
    card = deploy.export(tmp_path / "model.keras", target, out=out, calibration=data, verbose=0)
    assert card["scheme"] == "int8"
    assert card["ops"][operator] == count and "WHILE" not in card["ops"]
    assert card["parity"]["sqnr_db"] > 25
    # One example after another: no state is left from the one before. (LiteRT rounds an unrolled
    # layer's steps another way than LiteRT Micro, whose outputs are recorded.)
    assert runtime.selftest(out)[0]["max_difference"] <= 2
    assert deploy.verify(out, (data, None))["passed"]


def test_an_lstm_is_one_operator_of_the_npu(tmp_path):
    keras.utils.set_random_seed(5)
    lstm = keras.layers.LSTM(8, name="memory")
    model = keras.Sequential([keras.Input((6, 4)), lstm, keras.layers.Dense(2)])
    data, out = np.random.default_rng(0).normal(size=(80, 6, 4)).astype("float32"), tmp_path / "b"
    card = deploy.export(model, "ethos-u55-128", out=out, calibration=data, verbose=0)
    assert card["recurrent"] == {"memory": "fused"} and card["npu"]["cpu_ops"] == []
    assert card["ops"]["UNIDIRECTIONAL_SEQUENCE_LSTM"] == 1
    assert "- Recurrent layers: `memory` fused.\n" in (out / "card.md").read_text("utf-8")


def test_a_masked_recurrent_model_keeps_its_mask_in_int8(tmp_path):
    keras.utils.set_random_seed(5)
    model = keras.Sequential(
        [keras.Input((6, 4)), keras.layers.Masking(), keras.layers.LSTM(8, name="memory")]
    )
    data = np.random.default_rng(0).normal(size=(80, 6, 4)).astype("float32")
    data[::2, 4:] = 0
    card = deploy.export(model, "cpu", out=tmp_path / "bundle", calibration=data, verbose=0)
    assert card["parity"]["sqnr_db"] > 25 and card["recurrent"] == {"memory": "fused"}


def test_a_keras_2_file_goes_all_the_way(tmp_path):
    tf_keras.utils.set_random_seed(6)
    model = tf_keras.Sequential(
        [
            tf_keras.layers.InputLayer((6, 6, 1)),
            tf_keras.layers.DepthwiseConv2D(3),
            tf_keras.layers.Flatten(),
            tf_keras.layers.Dense(3),
        ]
    )
    model.save(tmp_path / "old.h5")
    data = np.random.default_rng(0).normal(size=(80, 6, 6, 1)).astype("float32")
    for given, out in ((tmp_path / "old.h5", "file"), (model, "memory")):
        card = deploy.export(given, "cpu", out=tmp_path / out, calibration=data, verbose=0)
        assert card["parity"]["sqnr_db"] > 25 and card["params"] == 10 + 16 * 3 + 3
        assert deploy.verify(tmp_path / out, (data, None))["passed"]


@pytest.mark.parametrize("units", [1, 3])
def test_a_saved_model_goes_all_the_way(units, tmp_path):
    keras.utils.set_random_seed(7)
    activation = "sigmoid" if units == 1 else "softmax"
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(units, activation=activation)])
    model.export(tmp_path / "saved", verbose=False)
    x = np.random.default_rng(0).normal(size=(60, 4)).astype("float32")
    out = model.predict(x, verbose=0)
    y = (out[:, 0] > 0.5).astype(int) if units == 1 else out.argmax(1)
    card = deploy.export(
        tmp_path / "saved",
        "cpu",
        out=tmp_path / "bundle",
        calibration=x,
        test=(x, y),
        class_names=["a", "b", "c"][: max(2, units)],
        verbose=0,
    )
    assert card["activation"] == activation
    assert card["quality"]["keras"] == 1.0
    assert deploy.verify(tmp_path / "bundle", (x, y), tolerance=10)["passed"]
    (tmp_path / "saved" / "variables" / "extra").write_text("changed")
    with pytest.raises(deploy.DeployError, match="received another one"):
        deploy.verify(tmp_path / "bundle", (x, y))


def test_a_model_of_several_inputs_goes_all_the_way(tmp_path):
    keras.utils.set_random_seed(4)
    first, second = keras.Input((4,), name="first"), keras.Input((6, 6, 1), name="second")
    joined = keras.layers.Concatenate()([first, keras.layers.Flatten()(second)])
    outputs = [keras.layers.Dense(size, name=f"out{size}")(joined) for size in (3, 2)]
    model = keras.Model([first, second], outputs)
    generator = np.random.default_rng(0)
    data = {
        "second": generator.normal(size=(80, 6, 6, 1)).astype("float32"),
        "first": generator.normal(size=(80, 4)).astype("float32"),
    }
    for target in ("cpu", "cortex-m"):
        out = tmp_path / target
        card = deploy.export(model, target, out=out, calibration=data, verbose=0)
        assert [entry["name"] for entry in card["outputs"]] == ["out3", "out2"]
        assert card["parity"]["sqnr_db"] > 30
        prediction = runtime.load(out).predict({name: array[0] for name, array in data.items()})
        expected = model.predict({name: array[:1] for name, array in data.items()}, verbose=0)
        for name, values in zip(("out3", "out2"), expected, strict=True):
            np.testing.assert_allclose(prediction["outputs"][name], values[0], atol=0.05)
    assert deploy.verify(out, (data, None), min_sqnr=30)["passed"]
    assert not deploy.verify(out, (data, None), min_sqnr=90)["passed"]


@pytest.mark.parametrize("target", ["cpu", "coral", "mobile"])
def test_what_is_shipped_is_what_was_verified(target, exported, trained, digits):
    if target == "mobile":
        pytest.importorskip("mediapipe")
    folder = exported("convnet", target)
    card, content = read_card(folder), (folder / "model.tflite").read_bytes()
    assert hashlib.sha256(content).hexdigest() == card["sha256"]
    assert len(content) == card["size_bytes"]
    # MediaPipe's metadata are in the file that was compared with Keras.
    assert (b"TFLITE_METADATA" in content) == (target == "mobile")
    received, _ = run_deployed(content, card, "litert", [digits.test[0].astype("float32")])
    expected = load_source(trained("convnet")).predict([digits.test[0]])
    measured = parity([card["outputs"][0]["name"]], expected, received)
    assert card["parity"] == measured | {"data": "test data"}
