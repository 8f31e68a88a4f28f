"""The instance segmenter: sizes counted by hand, the detector's layers, arguments, saving."""

import keras
import numpy as np
import pytest

from deploy.runtime.boxes.decoding_config import check_decoding_config
from thinkkeras.models import decoding_config, residual_net, yolact_tiny, yolo_tiny
from thinkkeras.models.detection.yolo_tiny import STRIDES


def branches_by_hand(levels, width, prototypes, filters):
    """A head of `prototypes` numbers for each level; two 3x3 kernels, and a 1x1 with bias."""
    head = 9 * width + 4 * width + width * width + 4 * width + (width + 1) * prototypes
    blocks = 9 * width * filters + 4 * filters + 9 * filters * filters + 4 * filters
    return levels * head + blocks + (filters + 1) * prototypes


def pixels(shape):
    return np.random.default_rng(0).integers(0, 256, shape).astype("float32")


def small(classes=2, **options):
    return yolo_tiny((64, 96, 3), classes, pyramid_filters=8, **options)


def test_default_size_is_the_documented_one():
    model = yolact_tiny()
    assert model.count_params() == 264_447 == 245_471 + branches_by_hand(3, 32, 16, 24) <= 300_000
    assert "264,447" in yolact_tiny.__doc__


@pytest.mark.parametrize(
    ("input_shape", "classes", "strides", "options", "maps"),
    [
        ((256, 256, 3), 1, (4, 8, 16), {}, (64, 64, 16)),
        ((64, 96, 3), 5, (8, 16, 32), {"prototypes": 6, "prototype_filters": 4}, (8, 12, 6)),
        ((64, 32, 1), 2, (2, 4), {"prototypes": 1, "prototype_filters": 1}, (32, 16, 1)),
    ],
)
def test_outputs_and_parameters(input_shape, classes, strides, options, maps):
    detector = yolo_tiny(input_shape, classes, strides=strides, pyramid_filters=8)
    before = detector.count_params()
    model = yolact_tiny(input_shape, classes, detector=detector, **options)
    count = sum((input_shape[0] // s) * (input_shape[1] // s) for s in strides)
    assert model.output_names == ["boxes", "scores", "coefficients", "prototypes"]
    assert model.output_shape == [
        (None, count, 4),
        (None, count, classes),
        (None, count, maps[-1]),
        (None, *maps),
    ]
    filters = options.get("prototype_filters", 24)
    added = branches_by_hand(len(strides), 8, maps[-1], filters)
    assert model.count_params() == before + added


def test_coefficients_and_prototypes_keep_to_their_ranges():
    model = yolact_tiny((64, 96, 3), 2, detector=small())
    # Large numbers show the bounds.
    for layer in model.layers:
        if layer.name.startswith("coefficients") and layer.name.endswith("_conv"):
            layer.kernel.assign(1000 * layer.kernel)
    *_, coefficients, prototypes = model(pixels((2, 64, 96, 3)))
    assert -1 <= np.min(coefficients) < -0.9 and 0.9 < np.max(coefficients) <= 1
    assert np.min(prototypes) == 0 and np.max(prototypes) > 0.1


def test_the_layers_of_the_detector_are_shared():
    detector = small()
    model = yolact_tiny((64, 96, 3), 2, detector=detector)
    assert all(any(layer is own for own in model.layers) for layer in detector.layers)
    images = pixels((2, 64, 96, 3))
    for one, other in zip(detector(images), model(images), strict=False):
        np.testing.assert_allclose(one, other, atol=1e-6)
    # Coefficients come from the same levels as boxes, prototypes from the finest.
    for number, stride in enumerate(STRIDES):
        level = detector.get_layer(f"boxes{stride}_block_depthwise").input
        assert model.get_layer(f"coefficients{number}_block_depthwise").input is level
    finest = detector.get_layer("boxes4_block_depthwise").input
    assert model.get_layer("prototypes_block1_conv").input is finest


def test_one_grid_is_enough():
    detector = yolo_tiny((64, 96, 3), 2, strides=(8,), pyramid_filters=4)
    model = yolact_tiny((64, 96, 3), 2, detector=detector, prototypes=3)
    assert model.output_shape == [(None, 96, 4), (None, 96, 2), (None, 96, 3), (None, 8, 12, 3)]


def test_a_copy_of_a_detector_will_do():
    detector = small()
    copy = keras.models.clone_model(detector)
    copy.set_weights(detector.get_weights())
    model = yolact_tiny((64, 96, 3), 2, detector=copy)
    images = pixels((1, 64, 96, 3))
    np.testing.assert_allclose(model(images)[0], detector(images)[0], atol=1e-6)
    assert not {id(w) for w in model.weights} & {id(w) for w in detector.weights}


def test_saved_model_is_the_same(tmp_path):
    options = {"prototypes": 4, "prototype_filters": 4, "name": "mine"}
    model = yolact_tiny((64, 96, 3), 2, detector=small(), **options)
    assert model.name == "mine"
    images = pixels((2, 64, 96, 3))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.output_names == model.output_names
    expected = model(images)
    for one, other in zip(loaded(images), expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_decoding_config_is_what_the_device_takes():
    model = yolact_tiny((64, 96, 3), 2, detector=small())
    config = decoding_config(model)
    assert next(iter(config.items())) == ("task", "instance_segmentation")
    names = {name: config[name] for name in ("boxes", "scores", "coefficients", "prototypes")}
    assert names == {name: name for name in model.output_names}
    card = [{"shape": [1, *shape[1:]]} for shape in model.output_shape]
    positions = {name: position for position, name in enumerate(names)}
    check_decoding_config(config | positions, card, (64, 96))


OF_TWO_CLASSES = small()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"prototypes": 0}, "at least 1 prototype .* received prototypes=0"),
        ({"prototype_filters": 0}, "received prototypes=16 and prototype_filters=0"),
        ({"detector": residual_net((64, 96, 3))}, r"that yolo_tiny built, .* 'residual_net' with"),
        (
            {"input_shape": (64, 64, 3), "detector": OF_TWO_CLASSES},
            r"images of \(64, 64, 3\) and 2 classes, received one for \(64, 96, 3\) and 2",
        ),
        ({"detector": small(3)}, r"and 2 classes, received one for \(64, 96, 3\) and 3"),
        ({"classes": 0, "detector": None}, "at least 1 class, received classes=0"),
    ],
)
def test_wrong_arguments(arguments, message):
    defaults = {"input_shape": (64, 96, 3), "classes": 2, "detector": OF_TWO_CLASSES}
    with pytest.raises(ValueError, match=message):
        yolact_tiny(**(defaults | arguments))
