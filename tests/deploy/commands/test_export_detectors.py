"""Detectors and segmenters on the targets: the deployed model finds what the Keras model finds."""

import json

import keras
import numpy as np
import pytest

import deploy
import deploy.compare
from deploy import runtime
from deploy.__main__ import main
from deploy.compile.vela import vela
from deploy.runtime.tasks.detection import intersection_over_union
from tests.deploy.tiny_models import (
    DETECTOR,
    LABELS,
    MASKS,
    exchanging_head,
    f1,
    pictures,
    squares_detector,
    squares_segmenter,
)

TARGETS = ["cpu-float", "cpu", "coral", "ethos-u55-128", "cortex-m"]


@pytest.fixture(scope="module")
def squares():
    """Pictures for calibration, and others with what is on them."""
    return pictures(24)[0], pictures(12, seed=1)


@pytest.fixture(scope="module")
def bundles(squares, tmp_path_factory):
    """`bundles(target)`: the bundle of the detector."""
    calibration, test = squares
    folder, model = tmp_path_factory.mktemp("squares"), squares_detector()

    def bundle(target):
        if not (folder / target).exists():
            deploy.export(
                model,
                target,
                out=folder / target,
                calibration=calibration,
                labels=LABELS,
                detector=DETECTOR,
                test=test,
                metric=f1,
                verbose=0,
            )
        return folder / target

    return bundle


def card_of(folder):
    return json.loads((folder / "card.json").read_text("utf-8"))


@pytest.mark.parametrize("target", TARGETS)
def test_a_detector_finds_the_squares_on_every_target(target, bundles, squares):
    x, truths = squares[1]
    device, card = runtime.load(bundles(target)), card_of(bundles(target))
    assert (card["task"], card["activation"]) == ("detection", None)
    assert card["detector"] == DETECTOR | {"boxes": 0, "scores": 1}
    assert card["quality"] == {"metric": "f1", "keras": 1.0, "deployed": 1.0, "examples": 12}
    assert card["agreement"] == {name: {"examples": 12, "agreement": 1.0} for name in LABELS}
    for found, truth in zip(device.predict(x), truths, strict=True):
        assert sorted(found["names"]) == ["green", "red"]
        boxes = found["boxes"][np.argsort(found["labels"])]
        assert intersection_over_union(boxes, truth["boxes"]).diagonal().min() > 0.8
    text = (bundles(target) / "card.md").read_text("utf-8")
    assert "in a square of 16 strides around the centre of its location" in text
    assert "from a score of 0.4" in text and "likelier one of its class by an IoU of 0.6" in text
    assert "- Locations, row by row: 8 × 8 of stride 8, 4 × 4 of stride 16." in text
    assert "- F1 over 12 test examples: Keras 100.00 %, deployed 100.00 %." in text
    assert all(result["passed"] for result in runtime.selftest(bundles(target)))


def test_the_cost_is_in_the_cards(bundles):
    assert card_of(bundles("coral"))["coral"]["on_cpu"] == 0
    npu = card_of(bundles("ethos-u55-128"))["npu"]
    assert npu["cpu_ops"] == [] and npu["cycles"] > 0
    assert card_of(bundles("cortex-m"))["memory"]["arena_bytes"] > 64 * 64 * 3


def test_verify_measures_detectors(bundles, squares):
    x, truths = squares[1]
    report = deploy.verify(bundles("cpu"))
    assert report["passed"] and report["quality"] is None
    assert sum(row["examples"] for row in report["agreement"].values()) == 2 * 8
    report = deploy.verify(bundles("cpu"), (x, None))
    assert report["passed"] and report["loss"] is None and report["parity"]["examples"] == 12
    report = deploy.verify(bundles("cpu"), (x, truths), metric=f1)
    assert report["quality"]["deployed"] == 1.0 and report["loss"] == 0.0
    # Truths that only half of the answers meet.
    doubled = [{name: np.tile(a, (2, 1)[: a.ndim]) for name, a in each.items()} for each in truths]
    report = deploy.verify(bundles("cpu"), (x, doubled), metric=f1, tolerance=-1)
    assert report["quality"]["keras"] == pytest.approx(4 / 3)
    assert not report["passed"] and "f1 loses 0.00, more than -1" in report["failures"][0]
    with pytest.raises(deploy.DeployError, match="a metric for the test data of a model for det"):
        deploy.verify(bundles("cpu"), (x, truths))
    with pytest.raises(deploy.DeployError, match="expected data with x and y for the metric"):
        deploy.verify(bundles("cpu"), (x, None), metric=f1)


def test_bundles_of_detectors_are_compared(bundles, tmp_path):
    page = deploy.compare.compare([bundles("cpu"), bundles("cpu-float")], tmp_path / "page")
    text = page.with_name("compare.md").read_text("utf-8")
    assert "Best f1: cpu and cpu-float with 100.00 %." in text
    assert "that lose at most 0.5 points of f1 against Keras" in text
    assert "Keras f1" in text and "deployed f1, %" in page.read_text("utf-8")


def test_detectors_and_segmenters_fit_targets():
    for model in (squares_detector(), squares_segmenter()):
        verdicts = deploy.fits(model, board="grove-vision-ai-v2", verbose=0)
        assert [(verdict.target, verdict.fits) for verdict in verdicts] == [
            ("cortex-m", True), ("cortex-m-int16", True), ("ethos-u55-64", True),
        ]  # fmt: skip


def test_a_loss_is_mended(squares, tmp_path, capsys):
    calibration, (x, truths) = squares[0].copy(), (squares[1][0].copy(), squares[1][1])

    def sharp(targets, found):
        """The mean IoU of the true boxes with the nearest found ones."""
        overlaps = []
        for target, answer in zip(targets, found, strict=True):
            overlap = intersection_over_union(target["boxes"], answer["boxes"])
            overlaps.append(overlap.max(axis=1).mean() if overlap.size else 0.0)
        return float(np.mean(overlaps))

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
        detector=DETECTOR,
        test=(x, truths),
        metric=sharp,
        fix=True,
        tolerance=0.5,
    )
    said = capsys.readouterr().out
    assert "points; the operators that cost the most, each alone: boxes_8 (CONV_2D)" in said
    assert card["kept"]["operators"][0]["layer"] == "boxes_8"
    assert card["quality"]["metric"] == "sharp"
    assert card["kept"]["before"]["deployed"] < card["quality"]["keras"] - 0.005
    assert card["quality"]["deployed"] >= card["quality"]["keras"] - 0.005
    # Without labels, the classes have numbers.
    assert set(card["agreement"]) == {"0", "1"}


def test_an_instance_segmenter_gives_masks(squares, tmp_path):
    calibration, (x, truths) = squares
    out = tmp_path / "bundle"
    card = deploy.export(
        squares_detector(masks=True),
        "cpu",
        out=out,
        calibration=calibration,
        labels=LABELS,
        detector=DETECTOR | MASKS,
        verbose=0,
    )
    assert card["task"] == "instance"
    names = [entry["name"] for entry in card["outputs"]]
    positions = {key: names.index(key) for key in ("boxes", "scores", *MASKS)}
    assert card["detector"] == DETECTOR | positions
    assert {row["agreement"] for row in card["agreement"].values()} == {1.0}
    for found, truth in zip(runtime.load(out).predict(x), truths, strict=True):
        for mask, label in zip(found["masks"], found["labels"], strict=True):
            left, top, right, bottom = truth["boxes"][label].astype(int)
            square = np.zeros((64, 64), bool)
            square[top:bottom, left:right] = True
            assert (mask & square).sum() / (mask | square).sum() > 0.75
    assert "where the sum of `prototypes`" in (out / "card.md").read_text("utf-8")
    assert deploy.verify(out, (x, None))["passed"]


def test_a_whole_head_runs_on_the_accelerators(squares, tmp_path):
    detector = DETECTOR | MASKS
    options = {"calibration": squares[0], "detector": detector, "labels": LABELS, "verbose": 0}
    card = deploy.export(exchanging_head(), "coral", out=tmp_path / "coral", **options)
    expected = {"RESIZE_NEAREST_NEIGHBOR", "RESIZE_BILINEAR", "CONCATENATION", "LOGISTIC", "TANH"}
    assert expected | {"ADD", "RESHAPE"} <= set(card["ops"])
    assert [row for row in card["coral"]["operators"] if not row["tpu"]] == []
    assert card["coral"]["on_tpu"] == sum(card["ops"].values())
    content = (tmp_path / "coral" / "model.tflite").read_bytes()
    for target in ("ethos-u55-128", "ethos-u65-256"):
        npu = vela(content, card | {"target": target}, []).card["npu"]
        assert npu["cpu_ops"] == [] and npu["npu_ops"] == sum(card["ops"].values())


# The command line, and what is refused.


@pytest.fixture
def files(squares, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    squares_detector().save("model.keras")
    squares_segmenter().save("segmenter.keras")
    np.savez("x.npz", x=squares[1][0])
    np.savez("test.npz", x=squares[1][0], y=np.zeros((12, 2)))
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
    assert main([*export, "--task", "segmentation", "--calibration", "x.npz"]) == 0
    assert card_of(files / "regions")["activation"] == "softmax"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--detector", "no.json"], "a JSON file with it, received 'no.json'"),
        (["--detector", "broken.json"], "a JSON file with it, received 'broken.json'"),
        (["--detector", "list.json"], "format, boxes, scores, …, received list"),
        (["--task", "detection"], "expected the task segmentation, or none, received 'detection'"),
        (["--task", "segmentation"], "(1, height, width, classes) for the task segmentation"),
        (["--task", "segmentation", "--detector", "detector.json"], "received both"),
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
        ({"detector": DETECTOR | {"boxes": "box"}}, "received 'box'; it has boxes, scores"),
        ({"detector": DETECTOR | {"strides": [8]}}, "64 boxes .* received 80 boxes"),
        ({"detector": DETECTOR | {"cells": object()}}, "plain numbers and lists"),
        ({"detector": DETECTOR, "labels": ["a"]}, "expected 2 labels, one a class, received 1"),
        ({"detector": DETECTOR, "metric": f1}, "expected test data with the metric"),
        ({"labels": LABELS}, "or give detector or task as well"),
    ],
)
def test_what_does_not_fit_the_model_is_refused(options, message, squares, tmp_path):
    with pytest.raises(deploy.DeployError, match=message):
        deploy.export(
            squares_detector(), "cpu-float", out=tmp_path / "bundle", verbose=0, **options
        )
    assert list(tmp_path.iterdir()) == []


def test_logits_called_probabilities_are_refused(squares, tmp_path):
    with pytest.raises(deploy.DeployError, match="scores from 0 to 1 of a detector.*it is linear"):
        deploy.export(
            squares_detector(activation="linear"),
            "cpu-float",
            out=tmp_path / "bundle",
            calibration=squares[0],
            detector=DETECTOR,
            verbose=0,
        )
