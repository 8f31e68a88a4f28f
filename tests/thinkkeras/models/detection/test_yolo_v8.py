"""keras-cv's YOLOV8 at our sizes: what it trains on, and what of it is deployed."""

import keras
import keras_cv
import numpy as np
import pytest
import tensorflow as tf

from thinkkeras.datasets import load_detection
from thinkkeras.inspection import multiply_accumulates
from thinkkeras.models import edge_model, yolo_v8

SMALL = {"stackwise_channels": (8, 8, 16, 16), "score_threshold": 0.3, "iou_threshold": 0.5}


@pytest.fixture(scope="module")
def detector():
    keras.utils.set_random_seed(0)
    model = yolo_v8((64, 96, 3), 3, **SMALL)
    # Untrained, it gives every location the same: numbers shrink from layer to layer.
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.Conv2D):
            layer.kernel.assign(1.85 * layer.kernel)
    model.run_eagerly = True  # `predict` is asked once: its graph would cost more than it saves
    return model


def pixels(shape):
    return np.random.default_rng(0).integers(0, 256, shape).astype("float32")


def test_default_size_is_the_documented_one():
    model = yolo_v8()
    assert isinstance(model, keras_cv.models.YOLOV8Detector)
    assert (model.count_params(), model.name) == (789_979, "yolo_v8")
    assert multiply_accumulates(model) == 207_759_360
    for figure in ("789,979", "208 million"):
        assert figure in yolo_v8.__doc__
    # 32x32, 16x16 and 8x8 locations.
    shapes = {name: x.shape for name, x in model.output.items()}
    assert shapes == {"boxes": (None, 1344, 64), "classes": (None, 1344, 1)}


def test_takes_pixels_and_starts_at_one_percent():
    model = yolo_v8((64, 96, 3), 3, **SMALL)
    bright = model(np.full((1, 64, 96, 3), 255, "float32"))
    np.testing.assert_allclose(bright["classes"], 0.01, atol=0.01)
    scales = [x.scale for x in model._flatten_layers() if isinstance(x, keras.layers.Rescaling)]
    assert scales == [1 / 255]


def without_boxes(batch, count):
    """The batch with the boxes of its first images taken away."""
    boxes = {key: value.copy() for key, value in batch["bounding_boxes"].items()}
    for values in boxes.values():
        values[:count] = -1
    return {"images": batch["images"], "bounding_boxes": boxes}


@pytest.mark.slow
def test_three_steps_on_two_scenes_lower_the_loss():
    """Three, as a step also changes which locations are held responsible for which box."""
    keras.utils.set_random_seed(0)
    model = yolo_v8((128, 128, 3), 1, **SMALL)
    model.compile(
        box_loss="ciou",
        classification_loss="binary_crossentropy",
        optimizer=keras.optimizers.AdamW(3e-3),
        jit_compile=False,
    )
    (train, _, _), _ = load_detection(
        examples=2, image_size=(128, 128), augment=False, batch_size=2
    )
    (batch,) = train.as_numpy_iterator()
    # Each epoch is a step; an epoch's loss is that of before its step.
    losses = model.fit(tf.data.Dataset.from_tensors(batch), epochs=4, verbose=0).history
    assert losses["box_loss"][0] > 0 and losses["class_loss"][0] > 0
    # Four seeds left 77 to 89 % of the first loss.
    assert losses["loss"][3] < 0.95 * losses["loss"][0] < 50

    for count in (1, 2):
        fewer = tf.data.Dataset.from_tensors(without_boxes(batch, count))
        losses = model.fit(fewer, verbose=0).history
        assert np.isfinite(losses["loss"][0]) and losses["class_loss"][0] > 0
        assert (losses["box_loss"][0] > 0) == (count == 1)
    assert all(np.isfinite(weights).all() for weights in model.get_weights())


def test_a_step_with_an_image_without_boxes():
    keras.utils.set_random_seed(0)
    model = yolo_v8((64, 64, 3), 1, **SMALL)
    # Compiling takes longer than a step.
    model.compile(
        box_loss="ciou",
        classification_loss="binary_crossentropy",
        optimizer=keras.optimizers.AdamW(3e-3),
        run_eagerly=True,
    )
    (train, _, _), _ = load_detection(examples=2, image_size=(64, 64), augment=False, batch_size=2)
    (batch,) = train.as_numpy_iterator()
    before = model.get_weights()
    losses = model.fit(tf.data.Dataset.from_tensors(without_boxes(batch, 1)), verbose=0).history
    assert losses["box_loss"][0] > 0 and losses["class_loss"][0] > 0 and losses["loss"][0] < 50
    assert all(np.isfinite(weights).all() for weights in model.get_weights())
    changed = [np.any(a != b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert np.mean(changed) > 0.9


def test_edge_model_gives_the_same(detector):
    images = pixels((2, 64, 96, 3))
    model, config = edge_model(detector)
    assert model.input_shape == (None, 64, 96, 3)
    assert model.output_names == ["boxes", "scores"]
    assert model.count_params() == detector.count_params()
    expected = detector(images)
    boxes, scores = model(images)
    assert np.std(boxes) > 0.1 and np.std(scores) > 0.1
    np.testing.assert_allclose(boxes, expected["boxes"], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(scores, expected["classes"], rtol=1e-4, atol=1e-5)
    assert config == {
        "task": "detection",
        "format": "distances",
        "bins": 16,
        "strides": [8, 16, 32],
        "boxes": "boxes",
        "scores": "scores",
        "activation": "sigmoid",
        "score_threshold": 0.3,
        "iou_threshold": 0.5,
        "max_detections": 100,
        "class_agnostic": True,
    }
    # No repeats, which become TILE.
    kinds = {type(operation).__name__ for operation in model.operations}
    assert "Resize" in kinds and "Repeat" not in kinds


def test_config_decodes_to_the_boxes_of_predict(detector):
    """The highest-scoring box, which no other one suppresses, decoded as the mapping says."""
    images = pixels((1, 64, 96, 3))
    model, config = edge_model(detector)
    boxes, scores = (np.asarray(output[0]) for output in model(images))
    centres = [
        ((column + 0.5) * stride, (row + 0.5) * stride, stride)
        for stride in config["strides"]
        for row in range(64 // stride)
        for column in range(96 // stride)
    ]
    best = scores.max(axis=-1).argmax()
    x, y, stride = centres[best]
    bins = boxes[best].reshape(4, config["bins"])
    bins = np.exp(bins - bins.max(axis=-1, keepdims=True))
    left, top, right, bottom = (bins @ np.arange(16) / bins.sum(axis=-1)) * stride
    predicted = detector.predict(images, verbose=0)
    assert predicted["confidence"][0, 0] == pytest.approx(scores[best].max(), abs=1e-5)
    assert predicted["classes"][0, 0] == scores[best].argmax()
    expected = [x - left, y - top, x + right, y + bottom]
    np.testing.assert_allclose(predicted["boxes"][0, 0], expected, rtol=1e-3, atol=1e-2)


def test_edge_model_shares_weights_and_is_saved(detector, tmp_path):
    model, _ = edge_model(detector)
    assert {id(w) for w in model.weights} == {id(w) for w in detector.weights}
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    images = pixels((1, 64, 96, 3))
    for saved, expected in zip(loaded(images), model(images), strict=True):
        np.testing.assert_array_equal(saved, expected)


def test_detector_of_any_size_gets_one():
    backbone = keras_cv.models.YOLOV8Backbone(
        stackwise_channels=[8, 8, 16, 16], stackwise_depth=[1] * 4, include_rescaling=True
    )
    anywhere = keras_cv.models.YOLOV8Detector(backbone, 2, "xyxy", fpn_depth=1)
    model, config = edge_model(anywhere, (32, 64, 3))
    assert model.input_shape == (None, 32, 64, 3)
    assert [x.shape for x in model.outputs] == [(None, 42, 64), (None, 42, 2)]
    assert config["score_threshold"] == 0.2  # keras-cv's
    images = pixels((1, 32, 64, 3))
    np.testing.assert_allclose(model(images)[0], anywhere(images)["boxes"], atol=1e-5)
    with pytest.raises(ValueError, match=r"received \(None, None, 3\); give input_shape="):
        edge_model(anywhere)
    # Its backbone serves the builder, too.
    model = yolo_v8((32, 64, 3), 2, backbone=backbone)
    assert model.backbone is backbone


def test_edge_model_refuses_what_it_does_not_know(detector):
    with pytest.raises(ValueError, match="YOLOV8Detector or RetinaNet, received Functional"):
        edge_model(keras.Model(detector.input, detector.output))
    with pytest.raises(ValueError, match=r"images of \(64, 96, 3\) takes, received \(64, 64, 3\)"):
        edge_model(detector, (64, 64, 3))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"input_shape": (100, 64, 3)}, "multiples of 32, .* received 100x64"),
        ({"classes": 0}, "at least 1 class, received classes=0"),
        (
            {"stackwise_channels": (8, 16, 32)},
            r"for strides 4, 8, 16 and 32, received \(8, 16, 32\)",
        ),
        ({"stackwise_depth": (1,)}, r"received \(16, 32, 64, 96\) and \(1,\)"),
        (
            {"backbone": keras.Sequential([keras.Input((64, 64, 3)), keras.layers.ReLU()])},
            r"levels P3, P4, P5 in its pyramid_level_inputs, received \[\]",
        ),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        yolo_v8(**({"input_shape": (64, 64, 3)} | arguments))
