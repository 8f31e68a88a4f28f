"""The detector: sizes counted by hand, grids, any backbone, arguments, saving."""

import keras
import numpy as np
import pytest

from deploy.runtime.boxes.decoding_config import check_decoding_config
from thinkkeras.detection import anchor_points, decode_boxes
from thinkkeras.models import decoding_config, residual_net, yolo_tiny
from thinkkeras.models.detection.yolo_tiny import CELLS, STRIDES


def head_by_hand(width, outputs):
    """A separable block without bias, four numbers per normalized map, a 1x1 with bias."""
    return 9 * width + 4 * width + width * width + 4 * width + width * outputs + outputs


def pyramid_by_hand(widths, filters):
    """A 1x1 kernel for each level, a 3x3 for all but the coarsest."""
    lateral = sum(width * filters + 4 * filters for width in widths)
    return lateral + (len(widths) - 1) * (9 * filters * filters + 4 * filters)


def pixels(shape):
    return np.random.default_rng(0).integers(0, 256, shape).astype("float32")


def mobilenet(input_shape):
    """It pads maps by a pixel before it halves them, which fits no grid."""
    return keras.applications.MobileNetV2(input_shape, alpha=0.35, include_top=False, weights=None)


def with_a_gap():
    """Maps at strides 4 and 16 alone."""
    x = images = keras.Input((64, 64, 3))
    for _ in range(2):
        x = keras.layers.Conv2D(4, 5, strides=4, padding="same")(x)
    return keras.Model(images, x)


def test_default_size_is_the_documented_one():
    model = yolo_tiny()
    pyramid = pyramid_by_hand((32, 48, 64, 64), 32)
    by_hand = 200_368 + pyramid + 3 * (head_by_hand(32, 4) + head_by_hand(32, 1))
    assert model.count_params() == 245_471 == by_hand <= 300_000
    assert "245,471" in yolo_tiny.__doc__
    assert model.output_shape == [(None, 5376, 4), (None, 5376, 1)]


@pytest.mark.parametrize(
    ("input_shape", "classes", "options", "count"),
    [
        ((256, 320, 3), 3, {}, 64 * 80 + 32 * 40 + 16 * 20),
        ((96, 32, 1), 20, {"pyramid_filters": 4}, 24 * 8 + 12 * 4 + 6 * 2),
        ((32, 64, 3), 2, {"pyramid_filters": 4, "strides": (2, 4)}, 16 * 32 + 8 * 16),
        ((64, 96, 3), 1, {"pyramid_filters": 8, "strides": (8, 16, 32)}, 8 * 12 + 4 * 6 + 2 * 3),
        ((64, 64, 3), 2, {"pyramid_filters": 4, "strides": [16]}, 4 * 4),
    ],
)
def test_outputs_and_parameters(input_shape, classes, options, count):
    model = yolo_tiny(input_shape, classes, **options)
    assert model.output_names == ["boxes", "scores"]
    assert model.input_shape == (None, *input_shape)
    assert model.output_shape == [(None, count, 4), (None, count, classes)]
    strides, width = options.get("strides", STRIDES), options.get("pyramid_filters", 32)
    assert len(anchor_points(input_shape[:2], strides)) == count
    # The pyramid reaches down to the backbone's end, whatever the coarsest grid.
    widths = {2: 16, 4: 32, 8: 48, 16: 64, 32: 64}
    by_hand = pyramid_by_hand([w for s, w in widths.items() if s >= min(strides)], width)
    by_hand += len(strides) * (head_by_hand(width, 4) + head_by_hand(width, classes))
    assert model.count_params() == residual_net(input_shape).count_params() + by_hand


def test_untrained_boxes_have_three_cells_around_their_location():
    model = yolo_tiny((64, 96, 3), 2, pyramid_filters=8)
    encoded, scores = model(pixels((2, 64, 96, 3)))
    assert np.min(scores) > 0 and np.max(scores) < 1
    np.testing.assert_allclose(scores, 0.01, atol=0.004)
    points = anchor_points((64, 96), STRIDES)
    boxes = np.asarray(decode_boxes(encoded, points, CELLS))
    centre, stride = points[:, :2], points[:, 2:]
    expected = np.concatenate([centre - 1.5 * stride, centre + 1.5 * stride], axis=1)
    assert np.abs((boxes - expected) / stride).max() < 1.5
    assert np.abs((boxes - expected) / stride).mean() < 0.5


def test_rows_are_those_of_the_grids():
    """What one location of a grid predicts is at its row of the outputs."""
    model = yolo_tiny((64, 96, 3), 3, pyramid_filters=8)
    convolved = [model.get_layer(f"scores{stride}_conv").output for stride in STRIDES]
    *maps, scores = keras.Model(model.input, [*convolved, model.outputs[1]])(pixels((1, 64, 96, 3)))
    assert [m.shape[1:3] for m in maps] == [(16, 24), (8, 12), (4, 6)]
    for level, first, row, column in ((0, 0, 5, 17), (1, 384, 2, 11), (2, 480, 3, 2)):
        index, stride = first + row * maps[level].shape[2] + column, STRIDES[level]
        point = anchor_points((64, 96), STRIDES)[index]
        assert tuple(point) == ((column + 0.5) * stride, (row + 0.5) * stride, stride)
        logits = maps[level][0, row, column]
        np.testing.assert_allclose(scores[0, index], 1 / (1 + np.exp(-logits)), rtol=1e-5)


@pytest.mark.parametrize("build", [residual_net, mobilenet])
def test_the_layers_of_a_backbone_are_shared(build):
    backbone = build((64, 96, 3))
    model = yolo_tiny((64, 96, 3), 2, backbone=backbone, pyramid_filters=8)
    assert model.output_shape == [(None, 504, 4), (None, 504, 2)]
    assert all(any(layer is own for own in model.layers) for layer in backbone.layers)
    images = pixels((1, 64, 96, 3))
    before = model(images)[1]
    kernel = next(w for w in backbone.trainable_weights if len(w.shape) == 4)
    kernel.assign(-kernel)
    assert np.any(model(images)[1] != before)


def test_the_pyramid_stands_on_the_last_map_of_each_stride():
    model = yolo_tiny((64, 96, 3), backbone=mobilenet((64, 96, 3)), pyramid_filters=8)
    names = ["block_3_expand_relu", "block_6_expand_relu", "block_13_expand_relu", "out_relu"]
    for number, name in enumerate(names):
        taken = model.get_layer(f"pyramid{number}_lateral_conv").input
        assert taken is model.get_layer(name).output


def test_saved_model_is_the_same(tmp_path):
    model = yolo_tiny((64, 32, 3), 2, pyramid_filters=8, name="mine")
    assert model.name == "mine"
    images = pixels((2, 64, 32, 3))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.output_names == ["boxes", "scores"]
    expected = model(images)
    for one, other in zip(loaded(images), expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_decoding_config_is_what_the_device_takes():
    model = yolo_tiny((64, 64, 3), 2, strides=(8, 16), pyramid_filters=4)
    config = decoding_config(model, (8, 16), score_threshold=0.3, iou_threshold=0.7)
    assert config == {
        "task": "detection",
        "format": "cells",
        "cells": 16,
        "strides": [8, 16],
        "activation": "sigmoid",
        "score_threshold": 0.3,
        "iou_threshold": 0.7,
        "max_detections": 100,
        "boxes": "boxes",
        "scores": "scores",
    }
    card = [{"shape": [1, *shape[1:]]} for shape in model.output_shape]
    check_decoding_config(config | {"boxes": 0, "scores": 1}, card, (64, 64))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"input_shape": (64, 64)}, r"three positive integers, received \(64, 64\)"),
        ({"classes": 0}, "at least 1 class, received classes=0"),
        ({"input_shape": (64, 80, 3)}, "multiples of 32, .* received 64x80"),
        ({"strides": (16, 32, 64)}, r"strides out of \[2, 4, 8, 16, 32\], .* \(16, 32, 64\)"),
        ({"strides": ()}, r"strides out of .*, received \(\)"),
        ({"strides": (32, 16, 8)}, r"strides that double, .* received \(32, 16, 8\) out of"),
        ({"strides": (8, 32)}, r"strides that double, .* received \(8, 32\) out of"),
        (
            {"backbone": with_a_gap(), "strides": (4,)},
            r"all the coarser ones, received \(4,\) out of \[4, 16\]",
        ),
        ({"pyramid_filters": 0}, "pyramid_filters of at least 1, received 0"),
        (
            {"backbone": residual_net((32, 64, 3))},
            r"a backbone for images of \(64, 64, 3\), received one for \(32, 64, 3\)",
        ),
        (
            {"backbone": mobilenet((None, None, 3))},
            r"of a fixed size, received 'mobilenet.*' for \(None, None, 3\)",
        ),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        yolo_tiny(**({"input_shape": (64, 64, 3)} | arguments))
