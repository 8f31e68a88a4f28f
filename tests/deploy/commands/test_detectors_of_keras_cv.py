"""keras-cv's own detectors, as functional models of one image."""

import keras
import numpy as np
import pytest

import deploy
from deploy import runtime
from deploy.load.readers import load
from deploy.tasks.predictions import predictions

pytestmark = pytest.mark.slow


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
    # The highest-scoring of an untrained network.
    threshold = float(np.quantile(scores.max(axis=2), 0.95))
    facts |= {"boxes": "boxes", "scores": "scores", "score_threshold": threshold}
    facts |= {"iou_threshold": 0.6, "max_detections": 50}
    card = deploy.export(
        model,
        "cpu-float",
        out=tmp_path / "bundle",
        calibration=x,
        task=facts,
        verbose=0,
    )
    assert card["task"] == "detection" and card["detector"]["format"] == facts["format"]
    received = runtime.load(tmp_path / "bundle").predict(x)
    expected = predictions(card, load(model).predict([x]), [])
    for one, other in zip(received, expected, strict=True):
        assert len(one["scores"]) == len(other["scores"]) > 0
        np.testing.assert_allclose(one["scores"], other["scores"], atol=1e-5)
        # Near ties may come in another order.
        apart = np.abs(one["boxes"][:, None] - other["boxes"]).max(axis=2)
        apart += 100.0 * (one["labels"][:, None] != other["labels"])
        assert apart.min(axis=1).max() < 0.01 and apart.min(axis=0).max() < 0.01
    assert {row["agreement"] for row in card["agreement"].values()} == {1.0}


def test_a_detector_within_a_model_keeps_its_outputs_apart_in_integers(tmp_path):
    keras_cv = pytest.importorskip("keras_cv")
    keras.utils.set_random_seed(0)
    detector, _, _ = yolo_v8(keras_cv)
    image = keras.Input((64, 96, 3), name="image")
    x = np.random.default_rng(0).uniform(0, 255, (6, 64, 96, 3)).astype("float32")
    model = keras.Model(image, detector(image))
    card = deploy.export(model, "cpu", out=tmp_path / "int8", calibration=x, verbose=0)
    # The model joins both, and with one scale the untrained boxes would all round to zero.
    boxes, scores = card["outputs"]
    assert boxes["scale"] < scores["scale"] / 50
    assert min(output["sqnr_db"] for output in card["parity"]["outputs"]) > 15
