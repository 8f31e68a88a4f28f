"""Detectors and segmenters on the targets: the deployed model finds what the Keras model finds."""

import json

import keras
import numpy as np
import pytest
from keras import layers

import deploy
import deploy.compare
from deploy import runtime
from deploy.__main__ import main
from deploy.answers import answers
from deploy.compilers.vela import vela
from deploy.runtime.detection import intersection_over_union
from deploy.step1_load import load
from tests.deploy.tiny_models import (
    DETECTOR,
    LABELS,
    MASKS,
    f1,
    pictures,
    squares_detector,
    squares_segmenter,
)

TARGETS = ["cpu-float", "cpu", "coral", "ethos-u55-128", "cortex-m"]
CLASSES = ["ground", *LABELS]


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


def test_a_loss_is_mended(squares, tmp_path, capsys):
    calibration, (x, truths) = squares

    def sharp(targets, found):
        """Scores and boxes as good as those of float numbers, 0 to 1."""
        errors = []
        for target, answer in zip(targets, found, strict=True):
            overlap = intersection_over_union(target["boxes"], answer["boxes"])
            errors.append(overlap.max(axis=1).mean() if overlap.size else 0.0)
        return float(np.mean(errors))

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


def share_of_pixels(targets, found):
    return np.mean([np.mean(one == other) for one, other in zip(targets, found, strict=True)])


def regions(truths):
    maps = np.zeros((len(truths), 64, 64), int)
    for pixels, truth in zip(maps, truths, strict=True):
        for (x0, y0, x1, y1), label in zip(
            truth["boxes"].astype(int), truth["labels"], strict=True
        ):
            pixels[y0:y1, x0:x1] = label + 1
    return maps


@pytest.mark.parametrize(
    ("target", "activation"),
    [("cpu", "softmax"), ("cpu-float", "linear"), ("cpu-float", "sigmoid")],
)
def test_a_segmenter_is_exported(target, activation, squares, tmp_path):
    calibration, (x, truths) = squares
    out = tmp_path / "bundle"
    card = deploy.export(
        squares_segmenter(activation),
        target,
        out=out,
        calibration=calibration,
        labels=CLASSES,
        task="segmentation",
        test=(x, regions(truths)),
        metric=share_of_pixels,
        verbose=0,
    )
    assert (card["task"], card["activation"]) == ("segmentation", activation)
    assert "detector" not in card
    assert card["quality"]["keras"] > 0.93
    assert card["quality"]["deployed"] == pytest.approx(card["quality"]["keras"], abs=0.005)
    assert list(card["agreement"]) == CLASSES
    # Each class of the 16 x 16 places of an output.
    assert sum(row["examples"] for row in card["agreement"].values()) == 12 * 16 * 16
    assert min(row["agreement"] for row in card["agreement"].values()) > 0.98
    answer = runtime.load(out).predict(x[0])
    assert answer.shape == (64, 64) and answer.dtype == np.uint8
    assert "each pixel of 16 × 16, interpolated" in (out / "card.md").read_text("utf-8")
    assert deploy.verify(out, (x, regions(truths)), metric=share_of_pixels)["passed"]


def test_a_single_unit_tells_two_classes_of_pixels(squares, tmp_path):
    model = squares_segmenter()
    one = keras.Model(model.inputs, model.output[..., 1:2])
    card = deploy.export(
        one,
        "cpu-float",
        out=tmp_path / "bundle",
        labels=["other", "red"],
        task="segmentation",
        calibration=squares[0],
        verbose=0,
    )
    assert card["activation"] == "sigmoid" and list(card["agreement"]) == ["other", "red"]


def rgb_fpn():
    """A head on two levels that exchange what they have seen, with every operator of such heads."""
    keras.utils.set_random_seed(2)
    image = keras.Input((64, 64, 3), name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1)(image)
    fine = layers.Conv2D(16, 3, 8, padding="same", activation="relu")(x)
    coarse = layers.DepthwiseConv2D(3, 2, padding="same", activation="relu")(fine)
    coarse = layers.Conv2D(16, 1, activation="relu")(coarse)
    # UpSampling2D of the nearest becomes a TILE, which no Edge TPU has.
    near = layers.Resizing(8, 8, interpolation="nearest")(coarse)
    smooth = layers.UpSampling2D(2, interpolation="bilinear")(coarse)
    fine = layers.Concatenate()([layers.Add()([fine, near]), smooth])
    outputs = {}
    for name, size, activation in (
        ("boxes", 4, "sigmoid"),
        ("scores", 2, "sigmoid"),
        ("coefficients", 3, "tanh"),
    ):
        parts = [
            layers.Reshape((-1, size))(layers.Conv2D(size, 1, activation=activation)(level))
            for level in (fine, coarse)
        ]
        outputs[name] = layers.Concatenate(axis=1, name=name)(parts)
    outputs["prototypes"] = layers.Conv2D(3, 3, padding="same", name="prototypes")(
        layers.UpSampling2D(2, interpolation="bilinear")(fine)
    )
    return keras.Model(image, outputs, name="fpn")


def test_a_whole_head_runs_on_the_accelerators(squares, tmp_path):
    detector = DETECTOR | MASKS
    options = {"calibration": squares[0], "detector": detector, "labels": LABELS, "verbose": 0}
    card = deploy.export(rgb_fpn(), "coral", out=tmp_path / "coral", **options)
    expected = {"RESIZE_NEAREST_NEIGHBOR", "RESIZE_BILINEAR", "CONCATENATION", "LOGISTIC", "TANH"}
    assert expected | {"ADD", "RESHAPE"} <= set(card["ops"])
    assert [row for row in card["coral"]["operators"] if not row["tpu"]] == []
    assert card["coral"]["on_tpu"] == sum(card["ops"].values())
    content = (tmp_path / "coral" / "model.tflite").read_bytes()
    for target in ("ethos-u55-128", "ethos-u65-256"):
        npu = vela(content, card | {"target": target}, []).card["npu"]
        assert npu["cpu_ops"] == [] and npu["npu_ops"] == sum(card["ops"].values())


# keras-cv's own detectors, as functional models of one picture.


def yolo_v8(keras_cv):
    backbone = keras_cv.models.YOLOV8Backbone(
        stackwise_channels=[8, 16, 24, 32],
        stackwise_depth=[1, 1, 1, 1],
        include_rescaling=True,
        input_shape=(64, 96, 3),
    )
    detector = keras_cv.models.YOLOV8Detector(
        num_classes=3, bounding_box_format="xyxy", backbone=backbone, fpn_depth=1
    )
    names = {"boxes": "boxes", "scores": "classes"}
    return detector, names, {"format": "distances", "activation": "sigmoid", "strides": [8, 16, 32]}


def retina_net(keras_cv):
    backbone = keras_cv.models.ResNetBackbone(
        stackwise_filters=[8, 8, 16, 16],
        stackwise_blocks=[1, 1, 1, 1],
        stackwise_strides=[1, 2, 2, 2],
        include_rescaling=True,
        input_shape=(64, 96, 3),
    )
    detector = keras_cv.models.RetinaNet(
        num_classes=3, bounding_box_format="xyxy", backbone=backbone
    )
    anchors = {
        "sizes": [32, 64, 128, 256, 512],
        "scales": [1.0, 2 ** (1 / 3), 2 ** (2 / 3)],
        "aspect_ratios": [0.5, 1.0, 2.0],
        "box_variance": [0.1, 0.1, 0.2, 0.2],
        "clip_boxes": True,
    }
    names = {"boxes": "box", "scores": "classification"}
    strides = [8, 16, 32, 64, 128]
    return detector, names, {
        "format": "deltas", "activation": "linear", "strides": strides, "anchors": anchors
    }  # fmt: skip


@pytest.mark.parametrize("build", [yolo_v8, retina_net])
def test_a_detector_of_keras_cv_is_exported(build, tmp_path):
    keras_cv = pytest.importorskip("keras_cv")
    keras.utils.set_random_seed(0)
    detector, names, facts = build(keras_cv)
    image = keras.Input((64, 96, 3), name="image")
    given = {"images": image} if isinstance(detector.input, dict) else image
    found = detector(given)
    model = keras.Model(image, {key: found[name] for key, name in names.items()})
    x = np.random.default_rng(0).uniform(0, 255, (6, 64, 96, 3)).astype("float32")
    scores = model.predict(x, verbose=0)["scores"]
    if facts["activation"] == "linear":
        scores = 1 / (1 + np.exp(-scores))
    # The likeliest of an untrained network.
    threshold = float(np.quantile(scores.max(axis=2), 0.95))
    facts |= {"boxes": "boxes", "scores": "scores", "score_threshold": threshold}
    facts |= {"iou_threshold": 0.6, "max_detections": 50}
    card = deploy.export(
        model,
        "cpu-float",
        out=tmp_path / "bundle",
        calibration=x,
        detector=facts,
        verbose=0,
    )
    assert card["task"] == "detection" and card["detector"]["format"] == facts["format"]
    received = runtime.load(tmp_path / "bundle").predict(x)
    expected = answers(card, load(model).predict([x]), [])
    for one, other in zip(received, expected, strict=True):
        assert len(one["scores"]) == len(other["scores"]) > 0
        np.testing.assert_allclose(one["scores"], other["scores"], atol=1e-5)
        # Near ties may come in another order.
        apart = np.abs(one["boxes"][:, None] - other["boxes"]).max(axis=2)
        apart += 100.0 * (one["labels"][:, None] != other["labels"])
        assert apart.min(axis=1).max() < 0.01 and apart.min(axis=0).max() < 0.01
    assert {row["agreement"] for row in card["agreement"].values()} == {1.0}


def test_a_detector_within_a_model_keeps_its_scores_in_integers(tmp_path):
    keras_cv = pytest.importorskip("keras_cv")
    keras.utils.set_random_seed(0)
    detector, _, _ = yolo_v8(keras_cv)
    image = keras.Input((64, 96, 3), name="image")
    x = np.random.default_rng(0).uniform(0, 255, (6, 64, 96, 3)).astype("float32")
    model = keras.Model(image, detector(image))
    card = deploy.export(model, "cpu", out=tmp_path / "int8", calibration=x, verbose=0)
    # The model joins both, and with one scale the scores would round to zero.
    boxes, scores = card["outputs"]
    assert boxes["scale"] > 10 * scores["scale"] and card["parity"]["sqnr_db"] > 15


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
