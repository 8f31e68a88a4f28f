"""The trainer's losses by hand, and a short training that finds coloured squares."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import deploy
from thinkkeras import metrics
from thinkkeras.detection import DetectorTrainer, anchor_points
from thinkkeras.models import decoding_config, residual_net, yolact_tiny, yolo_tiny
from thinkkeras.models.detection.yolo_tiny import STRIDES

SIZE = 64


def squares(count, seed):
    """Images of one or two red (0) or blue (1) squares, as `fit` takes them, and ground truth."""
    rng = np.random.default_rng(seed)
    images = rng.normal(60, 8, (count, SIZE, SIZE, 3)).astype("float32")
    boxes, classes = np.full((count, 3, 4), -1, "float32"), np.full((count, 3), -1, "float32")
    masks = np.zeros((count, 3, SIZE, SIZE), "uint8")
    for image in range(count):
        for place in range(rng.integers(1, 3)):
            side, kind = rng.integers(10, 25), rng.integers(0, 2)
            x, y = rng.integers(0, SIZE - side, 2)
            if masks[image, :, y : y + side, x : x + side].any():
                continue
            images[image, y : y + side, x : x + side] = [[220, 60, 60], [60, 60, 220]][kind]
            masks[image, place, y : y + side, x : x + side] = 1
            boxes[image, place] = x, y, x + side, y + side
            classes[image, place] = kind
    ground_truth = [
        {"boxes": b[c >= 0], "labels": c[c >= 0].astype(int), "masks": m[c >= 0].astype(bool)}
        for b, c, m in zip(boxes, classes, masks, strict=True)
    ]
    return (
        images,
        {"bounding_boxes": {"boxes": boxes, "classes": classes}, "masks": masks},
        ground_truth,
    )


def small_detector():
    backbone = residual_net((SIZE, SIZE, 3), filters=(8, 16, 24, 24, 24), blocks=(0, 0, 0, 0, 0))
    return yolo_tiny((SIZE, SIZE, 3), 2, backbone=backbone, pyramid_filters=16)


def small_segmenter():
    return yolact_tiny(
        (SIZE, SIZE, 3), 2, detector=small_detector(), prototypes=8, prototype_filters=8
    )


@pytest.fixture(scope="module")
def trained():
    """A trained segmenter, and the history of its training."""
    keras.utils.set_random_seed(0)
    model = small_segmenter()
    trainer = DetectorTrainer(model)
    trainer.compile(keras.optimizers.Adam(0.01), jit_compile=False)
    images, targets, _ = squares(128, seed=0)
    history = trainer.fit(images, targets, batch_size=16, epochs=8, verbose=0)
    return model, history.history


@pytest.mark.slow
def test_fit_shows_the_losses_and_their_sum_falls(trained):
    _, history = trained
    assert sorted(history) == ["boxes", "loss", "masks", "scores"]
    parts = [np.array(history[name]) for name in ("scores", "boxes", "masks")]
    np.testing.assert_allclose(history["loss"], parts[0] + 5 * parts[1] + 5 * parts[2], rtol=1e-4)
    # Four trainings fell from about 10 to 3.3 to 3.8.
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    assert all(part[-1] < 0.8 * part[0] for part in parts)


@pytest.mark.slow
def test_it_finds_the_squares(trained, tmp_path):
    model, _ = trained
    images, _, ground_truth = squares(64, seed=1)
    # The detector is a plain model, which needs nothing of ours to load.
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    found = deploy.predict(loaded, images, task=decoding_config(model), score_threshold=0.01)
    for masks in (False, True):
        ap = metrics.average_precision(
            ground_truth, found, class_names=["red", "blue"], masks=masks
        )
        # Four trainings gave 0.92 to 1 for boxes and 1 for masks.
        assert ap["AP50"] > (0.9 if masks else 0.8)
    threshold = metrics.best_threshold(ground_truth, found)
    assert metrics.counting_error(ground_truth, found, threshold)["exact"] > 0.8


@pytest.mark.parametrize("build", [small_detector, small_segmenter])
def test_gradients_are_finite_with_and_without_objects(build):
    keras.utils.set_random_seed(0)
    model = build()
    trainer = DetectorTrainer(model)
    images, targets, _ = squares(2, seed=2)
    empty = {
        "bounding_boxes": {
            "boxes": np.full((2, 3, 4), -1, "float32"),
            "classes": np.full((2, 3), -1, "float32"),
        },
        "masks": np.zeros((2, 3, SIZE, SIZE), "uint8"),
    }
    for target in (targets, empty):
        with tf.GradientTape() as tape:
            outputs = trainer(images, training=True)
            loss = trainer.compute_loss(images, target, outputs)
        gradients = tape.gradient(loss, model.trainable_variables)
        assert np.isfinite(loss)
        assert all(np.isfinite(gradient).all() for gradient in gradients)
    # Without objects, only that each score is not 0.
    np.testing.assert_allclose(loss, -np.log1p(-outputs[1].numpy()).sum(), rtol=1e-4)
    by_path = zip(model.trainable_variables, gradients, strict=True)
    (slope,) = (slope for variable, slope in by_path if "scores4_conv/bias" in variable.path)
    assert (slope.numpy() > 0).all()
    names = [tracker.name for tracker in trainer.trackers]
    assert names == ["scores", "boxes"] + ["masks"] * (len(model.outputs) == 4)


def predicted(points, at, box, score):
    """The outputs of a detector with one class that finds one thing, at the location `at`."""
    numbers = np.zeros((1, len(points), 4), "float32")
    numbers[..., :2] = 0.5
    scores = np.full((1, len(points), 1), 1e-6, "float32")
    x, y, stride = points[at]
    left, top, right, bottom = box
    square = 16 * stride
    numbers[0, at] = [
        ((top + bottom) / 2 - y) / square + 0.5,
        ((left + right) / 2 - x) / square + 0.5,
        (bottom - top) / square,
        (right - left) / square,
    ]
    scores[0, at] = score
    return numbers, scores


@pytest.mark.parametrize(
    ("box", "score", "expected"),
    [
        # All is as it should be; then half the probability; then three quarters of the box, whose
        # centre is 2 pixels off: 2² / (16² + 16²) for the distance, and 0.0003 for the shape.
        ([16, 16, 32, 32], 1 - 1e-6, {"scores": 0, "boxes": 0}),
        ([16, 16, 32, 32], 0.5, {"scores": np.log(2), "boxes": 0}),
        ([16, 16, 32, 28], 1 - 1e-6, {"scores": 0, "boxes": 0.25 + 4 / 512 + 0.0003}),
    ],
)
def test_losses_by_hand(box, score, expected):
    model = yolo_tiny((SIZE, SIZE, 3), 1, pyramid_filters=4)
    trainer = DetectorTrainer(model, loss_weights=(2.0, 3.0, 7.0))
    points = anchor_points((SIZE, SIZE), STRIDES)
    # The location (22, 22) of the fine grid; the others predict boxes without area.
    outputs = predicted(points, 5 * 16 + 5, box, score)
    true = {"boxes": np.float32([[[16, 16, 32, 32]]]), "classes": np.float32([[0]])}
    loss = trainer.compute_loss(None, {"bounding_boxes": true}, outputs)
    received = {tracker.name: float(tracker.result()) for tracker in trainer.trackers}
    assert list(received) == ["scores", "boxes"]
    np.testing.assert_allclose(
        [received["scores"], received["boxes"]], list(expected.values()), atol=5e-4
    )
    np.testing.assert_allclose(loss, 2 * received["scores"] + 3 * received["boxes"], rtol=1e-5)


def test_regularization_of_a_backbone_counts():
    x = images = keras.Input((SIZE, SIZE, 3))
    for filters in (4, 4, 4, 4, 4):
        x = keras.layers.Conv2D(
            filters, 3, 2, padding="same", activation="relu", kernel_regularizer="l2"
        )(x)
    backbone = keras.Model(images, x)
    trainer = DetectorTrainer(yolo_tiny((SIZE, SIZE, 3), backbone=backbone, pyramid_filters=4))
    images, targets, _ = squares(1, seed=0)
    loss = trainer.compute_loss(None, targets, trainer(images))
    shown = [float(tracker.result()) for tracker in trainer.trackers]
    penalty = sum(0.01 * np.sum(np.square(layer.kernel)) for layer in backbone.layers[1:])
    assert penalty > 0.1
    np.testing.assert_allclose(loss, shown[0] + 5 * shown[1] + penalty, rtol=1e-4)


def test_other_strides_are_refused():
    model = yolo_tiny((SIZE, SIZE, 3), strides=(8, 16), pyramid_filters=4)
    assert len(DetectorTrainer(model, strides=(8, 16)).anchor_points) == 80
    with pytest.raises(ValueError, match=r"strides=\(4, 8, 16\) of 336 locations .* with 80"):
        DetectorTrainer(model)
