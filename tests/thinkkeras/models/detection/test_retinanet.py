"""keras-cv's RetinaNet at our sizes: what it trains on, and what of it is deployed."""

import keras
import keras_cv
import numpy as np
import pytest
import tensorflow as tf

from thinkkeras.datasets import load_detection
from thinkkeras.inspection import multiply_accumulates
from thinkkeras.models import edge_model, retinanet
from thinkkeras.models.backbones import lite_backbone

SMALL = {"filters": 8, "head_depth": 1, "sizes": (8, 24, 64), "score_threshold": 0.01}
pytestmark = pytest.mark.filterwarnings("ignore:The structure of `inputs`")


@pytest.fixture(scope="module")
def detector():
    keras.utils.set_random_seed(0)
    model = retinanet((64, 96, 3), 3, aspect_ratios=(0.5, 2), **SMALL)
    # Untrained, it gives every anchor the same score.
    for head in (model.classification_head, model.box_head):
        head.layers[-1].kernel.assign(30 * head.layers[-1].kernel)
    model.run_eagerly = True  # `predict` is asked once: its graph would cost more than it saves
    return model


def pixels(shape):
    return np.random.default_rng(0).integers(0, 256, shape).astype("float32")


def test_default_size_is_the_documented_one():
    model = retinanet()
    assert isinstance(model, keras_cv.models.RetinaNet)
    assert (model.count_params(), model.name) == (331_069, "retinanet")
    pyramid = (24 + 48 + 96) * 48 + 9 * 48 * 48 * 3 + 6 * 48
    heads = 4 * (9 * 48 * 48 + 48) + (9 * 48 + 1) * (9 + 36)
    assert model.count_params() == lite_backbone((256, 256, 3)).count_params() + pyramid + heads
    assert multiply_accumulates(model) == 241_310_720
    for figure in ("331,069", "241 million"):
        assert figure in retinanet.__doc__
    # 9 anchors at 32x32, 16x16 and 8x8 locations.
    shapes = {name: x.shape for name, x in model.output.items()}
    assert shapes == {"box": (None, 12096, 4), "classification": (None, 12096, 1)}


def test_pyramid_hands_what_the_deep_level_sees_to_the_fine_ones():
    pyramid = retinanet((64, 96, 3), 1, **SMALL).feature_pyramid
    maps = {name: np.zeros((1, *x.shape[1:]), "float32") for name, x in pyramid.input.items()}
    assert [x.shape[1:] for x in pyramid.output] == [(8, 12, 8), (4, 6, 8), (2, 3, 8)]
    before = pyramid(maps)
    maps["P5"] += 1
    after = pyramid(maps)
    assert all(np.abs(new - old).max() > 1e-3 for new, old in zip(after, before, strict=True))
    maps["P3"] += 1
    fine = pyramid(maps)
    changed = [np.abs(new - old).max() > 1e-3 for new, old in zip(fine, after, strict=True)]
    assert changed == [True, False, False]


def test_starts_at_one_percent():
    model = retinanet((64, 96, 3), 3, **SMALL)
    logits = model({"images": pixels((1, 64, 96, 3))})["classification"]
    assert np.mean(1 / (1 + np.exp(-logits))) == pytest.approx(0.01, abs=0.003)


@pytest.mark.slow
def test_one_step_on_two_scenes_lowers_the_loss():
    keras.utils.set_random_seed(0)
    model = retinanet((64, 96, 3), 1, **SMALL)
    model.compile(
        box_loss="smoothl1",
        classification_loss="focal",
        optimizer=keras.optimizers.AdamW(1e-3),
        jit_compile=False,
    )
    (train, _, _), _ = load_detection(examples=2, image_size=(64, 96), augment=False, batch_size=2)
    (batch,) = train.as_numpy_iterator()
    # Each epoch is a step; an epoch's loss is that of before its step.
    losses = model.fit(tf.data.Dataset.from_tensors(batch), epochs=3, verbose=0).history
    assert losses["box_loss"][0] > 0 and losses["classification_loss"][0] > 0
    assert losses["loss"][2] < losses["loss"][1] < losses["loss"][0] < 50

    empty = {key: np.full_like(value, -1) for key, value in batch["bounding_boxes"].items()}
    without = tf.data.Dataset.from_tensors({**batch, "bounding_boxes": empty})
    assert model.fit(without, verbose=0).history["loss"] == [0]
    assert all(np.isfinite(weights).all() for weights in model.get_weights())


def test_a_step_with_an_image_without_boxes():
    keras.utils.set_random_seed(0)
    model = retinanet((64, 96, 3), 1, **SMALL)
    # Compiling takes longer than a step.
    model.compile(
        box_loss="smoothl1",
        classification_loss="focal",
        optimizer=keras.optimizers.AdamW(1e-3),
        run_eagerly=True,
    )
    (train, _, _), _ = load_detection(examples=2, image_size=(64, 96), augment=False, batch_size=2)
    (batch,) = train.as_numpy_iterator()
    boxes = {
        key: np.concatenate([np.full_like(values[:1], -1), values[1:]])
        for key, values in batch["bounding_boxes"].items()
    }
    batch = {**batch, "bounding_boxes": boxes}
    before = model.get_weights()
    losses = model.fit(tf.data.Dataset.from_tensors(batch), verbose=0).history
    assert losses["box_loss"][0] > 0 and losses["classification_loss"][0] > 0
    assert losses["loss"][0] < 50
    assert all(np.isfinite(weights).all() for weights in model.get_weights())
    changed = [np.any(a != b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert np.mean(changed) > 0.9


def test_edge_model_gives_the_same(detector):
    images = pixels((2, 64, 96, 3))
    model, config = edge_model(detector)
    assert model.input_shape == (None, 64, 96, 3)
    assert model.output_names == ["boxes", "scores"]
    assert {id(w) for w in model.weights} == {id(w) for w in detector.weights}
    expected = detector({"images": images})
    boxes, scores = model(images)
    assert np.std(boxes) > 0.01 and np.std(scores) > 0.01
    np.testing.assert_allclose(boxes, expected["box"], atol=1e-5)
    np.testing.assert_allclose(scores, expected["classification"], atol=1e-5)
    anchors = config.pop("anchors")
    assert config == {
        "task": "detection",
        "format": "deltas",
        "strides": [8, 16, 32],
        "boxes": "boxes",
        "scores": "scores",
        "activation": "linear",
        "score_threshold": 0.01,
        "iou_threshold": 0.6,
        "max_detections": 100,
        "class_agnostic": True,
    }
    assert anchors == {
        "sizes": [8, 24, 64],
        "scales": [1, 2 ** (1 / 3), 2 ** (2 / 3)],
        "aspect_ratios": [0.5, 2],
        "clip_boxes": True,
        "box_variance": [0.1, 0.1, 0.2, 0.2],
    }


def test_config_decodes_to_the_boxes_of_predict(detector):
    """The highest-scoring box, which no other one suppresses, decoded as the mapping says."""
    images = pixels((1, 64, 96, 3))
    model, config = edge_model(detector)
    offsets, scores = (np.asarray(output[0]) for output in model(images))
    anchors = []
    for stride, size in zip(config["strides"], config["anchors"]["sizes"], strict=True):
        for row in range(64 // stride):
            for column in range(96 // stride):
                x, y = (column + 0.5) * stride, (row + 0.5) * stride
                for scale in config["anchors"]["scales"]:
                    for ratio in config["anchors"]["aspect_ratios"]:
                        width, height = size * scale * ratio**0.5, size * scale / ratio**0.5
                        left, right = np.clip([x - width / 2, x + width / 2], 0, 96)
                        top, bottom = np.clip([y - height / 2, y + height / 2], 0, 64)
                        anchors.append((left, top, right, bottom))
    assert len(anchors) == len(offsets)
    best = scores.max(axis=-1).argmax()
    left, top, right, bottom = anchors[best]
    y, x, height, width = offsets[best] * config["anchors"]["box_variance"]
    x, y = (left + right) / 2 + x * (right - left), (top + bottom) / 2 + y * (bottom - top)
    width, height = (right - left) * np.exp(width), (bottom - top) * np.exp(height)
    predicted = detector.predict(images, verbose=0)
    probability = 1 / (1 + np.exp(-scores[best].max()))
    assert predicted["confidence"][0, 0] == pytest.approx(probability, abs=1e-5)
    assert predicted["classes"][0, 0] == scores[best].argmax()
    expected = [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
    np.testing.assert_allclose(predicted["boxes"][0, 0], expected, rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"input_shape": (100, 64, 3)}, "multiples of 32, .* received 100x64"),
        ({"classes": 0}, "at least 1 class, received classes=0"),
        ({"sizes": (32, 64)}, r"three sizes, for strides 8, 16 and 32, .* received \(32, 64\)"),
        ({"scales": ()}, r"a scale and an aspect ratio or more, .* \(\) and \(0.5, 1.0, 2.0\)"),
        (
            {"backbone": keras.Sequential([keras.Input((64, 64, 3)), keras.layers.ReLU()])},
            r"levels P3, P4, P5 in its pyramid_level_inputs, received \[\]",
        ),
        (
            {"backbone": keras.Sequential([keras.Input((64, 32, 3)), keras.layers.ReLU()])},
            r"for images of \(64, 64, 3\), received one for \(64, 32, 3\)",
        ),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        retinanet(**({"input_shape": (64, 64, 3)} | arguments))
