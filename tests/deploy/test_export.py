"""Every builder on every target: the deployed model gives what the Keras model gives."""

import json
from collections import Counter

import keras
import numpy as np
import pytest

import deploy
from deploy import runtime
from deploy.targets import TARGETS
from tests.conftest import BUILDERS

# target → largest error of a probability, and points of accuracy that deployment may cost.
ALLOWED = {
    "cpu": (0.1, 0.3),
    "cpu-float": (1e-5, 0.0),
    "cpu-dynamic": (0.1, 0.3),
    "gpu": (0.01, 0.3),
    "cortex-m": (0.1, 0.3),
}

EVERY = [(builder, target) for builder in BUILDERS for target in TARGETS]


@pytest.fixture(params=EVERY, ids=[f"{builder}-{target}" for builder, target in EVERY])
def case(request, exported):
    """The builder's name, the target and the card of the bundle."""
    builder, target = request.param
    folder = exported(builder, target)
    return builder, target, folder, json.loads((folder / "card.json").read_text("utf-8"))


def test_the_deployed_model_gives_what_keras_gives(case, trained, digits):
    builder, target, folder, card = case
    expected = keras.saving.load_model(trained(builder)).predict(digits.test[0], verbose=0)
    answers = runtime.load(folder).predict(digits.test[0])
    received = np.array([answer["probabilities"] for answer in answers])
    error, points = ALLOWED[target]
    assert np.abs(received - expected).max() <= error
    truth = digits.test[1]
    accuracy = {
        "keras": np.mean(expected.argmax(1) == truth),
        "deployed": np.mean(received.argmax(1) == truth),
    }
    assert accuracy["keras"] > 0.95
    assert 100 * (accuracy["keras"] - accuracy["deployed"]) <= points + 1e-9
    assert card["quality"]["keras"] == pytest.approx(accuracy["keras"])
    # LiteRT Micro, on which the card's figure was measured, may round a tie the other way.
    assert card["quality"]["deployed"] == pytest.approx(accuracy["deployed"], abs=1.1 / len(truth))
    assert card["quality"]["examples"] == len(truth) == 360
    assert card["parity"]["max_abs_error"] <= error


def test_the_card_tells_all(case, digits):
    builder, target, folder, card = case
    model = (folder / "model.tflite").read_bytes()
    assert card["target"] == target
    assert card["scheme"] == TARGETS[target].scheme
    assert card["size_bytes"] == len(model)
    assert card["params"] == BUILDERS[builder]((8, 8, 1), 10).count_params()
    assert card["macs"] > card["params"]
    assert card["ops"]["CONV_2D"] >= 3
    assert card["seed"] == 0
    assert card["latency_ms"].keys() >= {"median", "p95", "threads", "runtime", "cpu"}
    assert 0 < card["latency_ms"]["median"] <= card["latency_ms"]["p95"]
    assert card["tools"].keys() >= {"tensorflow", "keras", "ai-edge-litert", "numpy"}
    assert (folder / "labels.txt").read_text().split() == digits.labels
    assert f"`{target}`" in (folder / "card.md").read_text("utf-8")
    integer = TARGETS[target].scheme == "int8"
    for tensor in card["inputs"] + card["outputs"]:
        assert tensor["dtype"] == ("int8" if integer else "float32")
        assert (tensor["scale"] is not None) == (tensor["zero_point"] is not None) == integer
    if integer:
        # Pixels of 0 to 255 fit int8 exactly, and so does a probability of 0 to 255/256.
        assert (card["inputs"][0]["scale"], card["inputs"][0]["zero_point"]) == (1.0, -128)
        assert (card["outputs"][0]["scale"], card["outputs"][0]["zero_point"]) == (1 / 256, -128)
    assert (card["memory"] is None) == (target != "cortex-m")


def test_the_selftest_gives_the_recorded_outputs(case):
    _, _, folder, card = case
    (result,) = runtime.selftest(folder)
    assert result["passed"]
    assert result["examples"] == card["selftest"]["examples"] == 8
    assert result["max_difference"] <= result["tolerance"]


def test_only_the_files_of_the_contract_are_there(case):
    _, target, folder, _ = case
    expected = {"card.json", "card.md", "labels.txt", "model.tflite", "selftest.npz"}
    if target == "cortex-m":
        expected |= {"model_data.cc", "model_data.h"}
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
    ("build", "labels", "activation"),
    [
        (logits, ["a", "b", "c"], "linear"),
        (two_classes, ["no", "yes"], "sigmoid"),
        (logits, None, None),
    ],
)
def test_what_the_model_ends_in_is_understood(build, labels, activation, tmp_path):
    model = build()
    x = np.random.default_rng(0).normal(size=(50, 4)).astype("float32")
    out = model.predict(x, verbose=0)
    y = None
    if activation == "linear":
        y = out.argmax(1)
    elif activation == "sigmoid":
        y = (out[:, 0] > 0.5).astype(int)
    card = deploy.export(
        model,
        "cpu-float",
        out=tmp_path / "bundle",
        labels=labels,
        test=(x, out if y is None else y),
        verbose=0,
    )
    assert card["activation"] == activation
    # A model in memory is kept with its bundle, so that `verify` finds it.
    assert (tmp_path / "bundle" / "model.keras").is_file()
    assert deploy.verify(tmp_path / "bundle", (x, out if y is None else y))["passed"]
    answers = runtime.load(tmp_path / "bundle").predict(x)
    if activation is None:
        assert card["quality"]["metric"] == "mean_absolute_error"
        np.testing.assert_allclose([a["outputs"]["logits"] for a in answers], out, atol=1e-5)
        return
    assert card["quality"] == {"metric": "accuracy", "keras": 1.0, "deployed": 1.0, "examples": 50}
    assert [answer["label"] for answer in answers] == [labels[index] for index in y]
    np.testing.assert_allclose([a["probabilities"].sum() for a in answers], 1, atol=1e-6)
    assert len(Counter(answer["label"] for answer in answers)) > 1


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
        answer = runtime.load(out).predict({name: array[0] for name, array in data.items()})
        expected = model.predict({name: array[:1] for name, array in data.items()}, verbose=0)
        for name, values in zip(("out3", "out2"), expected, strict=True):
            np.testing.assert_allclose(answer["outputs"][name], values[0], atol=0.05)
    assert deploy.verify(out, (data, None), min_sqnr=30)["passed"]
    assert not deploy.verify(out, (data, None), min_sqnr=90)["passed"]
