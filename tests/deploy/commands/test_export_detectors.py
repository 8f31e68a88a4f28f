"""Detectors on the targets: the deployed model finds what the Keras model finds."""

import json

import keras
import numpy as np
import pytest

import deploy
from deploy import runtime
from deploy.__main__ import main
from deploy.commands.compare import compare
from deploy.compile.vela import compile_model
from deploy.runtime.boxes.non_max_suppression import intersection_over_union
from tests.deploy.tiny_models import (
    CLASS_NAMES,
    DETECTOR,
    MASKS,
    exchanging_head,
    f1,
    images,
    squares_detector,
    squares_segmenter,
)

TARGETS = ["cpu-float", "cpu", "coral", "ethos-u55-128", "cortex-m"]


@pytest.fixture(scope="module")
def scenes():
    """Images with squares that no calibration has seen, and what is on them."""
    return images(12, seed=1)


@pytest.fixture(scope="module")
def bundles(squares):
    """`bundles(target)`: the bundle of the detector."""
    return lambda target: squares("detection", target)


def card_of(folder):
    return json.loads((folder / "card.json").read_text("utf-8"))


@pytest.mark.parametrize("target", TARGETS)
def test_a_detector_finds_the_squares_on_every_target(target, bundles, scenes):
    x, ground_truth = scenes
    device, card = runtime.load(bundles(target)), card_of(bundles(target))
    assert (card["task"], card["activation"]) == ("detection", None)
    assert card["detector"] == DETECTOR | {"boxes": 0, "scores": 1}
    assert card["quality"] == {"metric": "f1", "keras": 1.0, "deployed": 1.0, "examples": 12}
    assert card["agreement"] == {name: {"examples": 12, "agreement": 1.0} for name in CLASS_NAMES}
    for found, expected in zip(device.predict(x), ground_truth, strict=True):
        assert sorted(found["names"]) == ["green", "red"]
        boxes = found["boxes"][np.argsort(found["labels"])]
        assert intersection_over_union(boxes, expected["boxes"]).diagonal().min() > 0.8
    text = (bundles(target) / "card.md").read_text("utf-8")
    for figure in ("`boxes`", "`scores`", "16 strides", "0.4", "0.6", "100 are", "8 × 8", "4 × 4"):
        assert figure in text
    assert "Keras 100.00 %, deployed 100.00 %" in text
    assert all(result["passed"] for result in runtime.selftest(bundles(target)))


def test_the_cost_is_in_the_cards(bundles):
    assert card_of(bundles("coral"))["coral"]["on_cpu"] == 0
    npu = card_of(bundles("ethos-u55-128"))["npu"]
    assert npu["cpu_ops"] == [] and npu["cycles"] > 0
    assert card_of(bundles("cortex-m"))["memory"]["arena_bytes"] > 64 * 64 * 3


def test_verify_measures_detectors(bundles, scenes):
    x, ground_truth = scenes
    report = deploy.verify(bundles("cpu"))
    assert report["passed"] and report["quality"] is None
    assert sum(row["examples"] for row in report["agreement"].values()) == 2 * 8
    report = deploy.verify(bundles("cpu"), (x, None))
    assert report["passed"] and report["loss"] is None and report["parity"]["examples"] == 12
    report = deploy.verify(bundles("cpu"), deploy.TestData(x, ground_truth, f1))
    assert report["quality"]["deployed"] == 1.0 and report["loss"] == 0.0
    # Ground truth that only half of the predictions meet.
    doubled = [
        {name: np.tile(a, (2, 1)[: a.ndim]) for name, a in each.items()} for each in ground_truth
    ]
    report = deploy.verify(bundles("cpu"), deploy.TestData(x, doubled, f1), tolerance=-1)
    assert report["quality"]["keras"] == pytest.approx(4 / 3)
    assert not report["passed"] and "f1 loses 0.00, more than -1" in report["failures"][0]
    with pytest.raises(deploy.DeployError, match="a metric for the test data of a model for det"):
        deploy.verify(bundles("cpu"), (x, ground_truth))
    with pytest.raises(deploy.DeployError, match="expected data with x and y for the metric"):
        deploy.verify(bundles("cpu"), deploy.TestData(x, None, f1))


def test_bundles_of_detectors_are_compared(bundles, tmp_path):
    page = compare([bundles("cpu"), bundles("cpu-float")], tmp_path / "page")
    text = page.with_name("compare.md").read_text("utf-8")
    assert "Best f1: cpu and cpu-float with 100.00 %." in text
    assert "that lose at most 0.5 points of f1 against Keras" in text
    assert "Keras f1" in text and "deployed f1, %" in page.read_text("utf-8")


def test_a_detector_fits_an_npu():
    verdicts = deploy.check_targets(squares_detector(), board="grove-vision-ai-v2", verbose=0)
    assert [(verdict.target, verdict.fits) for verdict in verdicts] == [
        ("cortex-m", True), ("cortex-m-int16", True), ("ethos-u55-64", True),
    ]  # fmt: skip


def sharp(ground_truth, predictions):
    """The mean IoU of the true boxes with the nearest found ones."""
    overlaps = []
    for expected, prediction in zip(ground_truth, predictions, strict=True):
        overlap = intersection_over_union(expected["boxes"], prediction["boxes"])
        overlaps.append(overlap.max(axis=1).mean() if overlap.size else 0.0)
    return float(np.mean(overlaps))


def test_a_loss_is_mended(scenes, tmp_path, capsys):
    calibration, (x, ground_truth) = images(24)[0], (scenes[0].copy(), scenes[1])
    keras.utils.set_random_seed(0)
    model = squares_detector()
    # One weight far from the others of its filter costs them their int8 steps.
    kernel, bias = model.get_layer("boxes_8").get_weights()
    kernel[0, 0, 2] = 40.0
    model.get_layer("boxes_8").set_weights([kernel, bias])
    x[..., 2] = calibration[..., 2] = 0
    card = deploy.export(
        model,
        "cpu",
        out=tmp_path / "bundle",
        calibration=calibration,
        task=DETECTOR,
        test=deploy.TestData(x, ground_truth, sharp),
        quantization=deploy.Quantization(fix=True, tolerance=0.5),
    )
    said = capsys.readouterr().out
    assert "points; the operators that cost the most, each alone: boxes_8 (CONV_2D)" in said
    assert card["kept"]["operators"][0]["layer"] == "boxes_8"
    assert card["quality"]["metric"] == "sharp"
    assert card["kept"]["before"]["deployed"] < card["quality"]["keras"] - 0.005
    assert card["quality"]["deployed"] >= card["quality"]["keras"] - 0.005
    # Without names, the classes have numbers.
    assert set(card["agreement"]) == {"0", "1"}


def test_an_instance_segmenter_gives_masks(squares, scenes):
    out, (x, ground_truth) = squares("instance_segmentation", "cpu"), scenes
    card = card_of(out)
    assert card["task"] == "instance_segmentation"
    names = [entry["name"] for entry in card["outputs"]]
    positions = {key: names.index(key) for key in ("boxes", "scores", *MASKS)}
    assert card["detector"] == DETECTOR | positions
    assert {row["agreement"] for row in card["agreement"].values()} == {1.0}
    for found, expected in zip(runtime.load(out).predict(x), ground_truth, strict=True):
        for mask, label in zip(found["masks"], found["labels"], strict=True):
            left, top, right, bottom = expected["boxes"][label].astype(int)
            square = np.zeros((64, 64), bool)
            square[top:bottom, left:right] = True
            assert (mask & square).sum() / (mask | square).sum() > 0.75
    text = (out / "card.md").read_text("utf-8")
    assert "`prototypes`" in text and "`coefficients`" in text
    assert deploy.verify(out, (x, None))["passed"]


def test_a_whole_head_runs_on_the_accelerators(tmp_path):
    options = {"calibration": images(24)[0], "task": DETECTOR | MASKS, "verbose": 0}
    options |= {"class_names": CLASS_NAMES}
    card = deploy.export(exchanging_head(), "coral", out=tmp_path / "coral", **options)
    expected = {"RESIZE_NEAREST_NEIGHBOR", "RESIZE_BILINEAR", "CONCATENATION", "LOGISTIC", "TANH"}
    assert expected | {"ADD", "RESHAPE"} <= set(card["ops"])
    assert [row for row in card["coral"]["operators"] if not row["tpu"]] == []
    assert card["coral"]["on_tpu"] == sum(card["ops"].values())
    content = (tmp_path / "coral" / "model.tflite").read_bytes()
    for target in ("ethos-u55-128", "ethos-u65-256"):
        npu = compile_model(content, card | {"target": target}, []).card["npu"]
        assert npu["cpu_ops"] == [] and npu["npu_ops"] == sum(card["ops"].values())


# The command line, and what is refused.


@pytest.fixture
def files(scenes, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    squares_detector().save("model.keras")
    squares_segmenter().save("segmenter.keras")
    np.savez("x.npz", x=scenes[0])
    np.savez("test.npz", x=scenes[0], y=np.zeros((12, 2)))
    (tmp_path / "detector.json").write_text(json.dumps(DETECTOR))
    (tmp_path / "list.json").write_text("[1, 2]")
    (tmp_path / "broken.json").write_text("{")
    return tmp_path


def test_detectors_and_segmenters_from_the_command_line(files, capsys):
    export = ["export", "model.keras", "--target", "cpu-float", "--out", "bundle"]
    assert main([*export, "--detector", "detector.json", "--calibration", "x.npz"]) == 0
    assert card_of(files / "bundle")["task"] == "detection"
    # The y of a file counts for nothing without a metric.
    assert main(["verify", "bundle", "--data", "test.npz"]) == 0
    said = capsys.readouterr().out
    assert "agreement   0 100.0 %, 1 100.0 %" in said and "quality" not in said
    export = ["export", "segmenter.keras", "--target", "cpu-float", "--out", "regions"]
    assert main([*export, "--task", "semantic_segmentation", "--calibration", "x.npz"]) == 0
    assert card_of(files / "regions")["activation"] == "softmax"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--detector", "no.json"], "a JSON file with it, received 'no.json'"),
        (["--detector", "broken.json"], "a JSON file with it, received 'broken.json'"),
        (["--detector", "list.json"], "format, boxes, scores, …, received list"),
        (["--task", "detection"], "a detector's description with format"),
        (["--task", "singing"], "received 'singing'"),
        (["--task", "segmentation"], "for the task semantic_segmentation, received (1, 80, 4)"),
        (["--task", "instance_segmentation"], "expected coefficients and prototypes"),
        (["--detector", "detector.json", "--test", "test.npz"], "expected a metric for the test"),
    ],
)
def test_what_the_command_line_refuses(options, message, files, capfd):
    before = sorted(files.rglob("*"))
    export = ["export", "model.keras", "--target", "cpu-float", "--out", "bundle", *options]
    assert main(export) == 2
    error = capfd.readouterr().err
    assert error.startswith("deploy: error: expected") and message in error
    assert error.count("\n") == 1 and sorted(files.rglob("*")) == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": DETECTOR | {"boxes": "box"}}, "received 'box'; it has boxes, scores"),
        ({"task": DETECTOR | {"strides": [8]}}, "64 boxes .* received 80 boxes"),
        ({"task": DETECTOR | {"cells": object()}}, "plain numbers and lists"),
        ({"task": DETECTOR, "class_names": ["a"]}, "expected 2 class names, received 1"),
        ({"class_names": CLASS_NAMES}, "or give the task as well"),
    ],
)
def test_what_does_not_fit_the_model_is_refused(options, message, tmp_path):
    with pytest.raises(deploy.DeployError, match=message):
        deploy.export(
            squares_detector(), "cpu-float", out=tmp_path / "bundle", verbose=0, **options
        )
    assert list(tmp_path.iterdir()) == []


def test_logits_called_probabilities_are_refused(tmp_path):
    with pytest.raises(deploy.DeployError, match="scores from 0 to 1 of a detector.*it is linear"):
        deploy.export(
            squares_detector(activation="linear"),
            "cpu-float",
            out=tmp_path / "bundle",
            calibration=images(24)[0],
            task=DETECTOR,
            verbose=0,
        )


def test_both_ways_to_name_the_task_are_not_taken(files, capfd):
    export = ["export", "model.keras", "--target", "cpu-float", "--out", "bundle"]
    with pytest.raises(SystemExit):
        main([*export, "--task", "segmentation", "--detector", "detector.json"])
    assert "not allowed with" in capfd.readouterr().err
