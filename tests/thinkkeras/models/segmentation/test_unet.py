"""The builder: sizes counted by hand, the maps of backbones, sharing, learning, saving."""

import keras
import numpy as np
import pytest

from thinkkeras.datasets import load_detection
from thinkkeras.inspection import multiply_accumulates
from thinkkeras.models import convnet, unet


def counted_by_hand(channels: int, widths: list[int], classes: int) -> int:
    """Kernels without bias, four numbers per normalized map, a classifier with bias."""
    total, before = 0, channels
    for width in widths:
        total += 9 * before * width + 9 * width * width + 2 * 4 * width
        before = width
    for width in reversed(widths[:-1]):
        total += before * width + 4 * width if before > width else 0
        total += 9 * (min(before, width) + width) * width + 4 * width
        before = width
    return total + before * classes + classes


def mobilenet(input_shape=(64, 96, 3), **arguments):
    return keras.applications.MobileNetV2(
        input_shape, alpha=0.35, include_top=False, weights=None, **arguments
    )


def trunk(input_shape=(32, 48, 3)):
    net = convnet(input_shape, 10, filters=(4, (6, 8), 10))
    return keras.Model(net.input, net.get_layer("stage3_block1_relu").output)


def pixels(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape).astype("float32")


def test_default_size_is_the_documented_one():
    model = unet()
    assert model.count_params() == 256_402 == counted_by_hand(3, [16, 16, 32, 64, 64], 2)
    assert multiply_accumulates(model) == 230_424_576
    for figure in ("256,402", "230 million"):
        assert figure in unet.__doc__


@pytest.mark.parametrize(
    ("input_shape", "classes", "arguments", "widths"),
    [
        ((16, 32, 1), 3, {"filters": (4, 6), "output_stride": 1}, [4, 6]),
        ((16, 32, 3), 1, {"filters": (8, 6, 4), "classifier_activation": "sigmoid"}, [8, 6, 4]),
        ((32, 32, 3), 21, {"filters": [5, 7, 7, 9]}, [5, 7, 7, 9]),
    ],
)
def test_parameters_and_shapes(input_shape, classes, arguments, widths):
    model = unet(input_shape, classes, **arguments)
    assert model.input_shape == (None, *input_shape)
    assert model.output_shape == (None, *input_shape[:2], classes)
    assert model.count_params() == counted_by_hand(input_shape[2], widths, classes)


def test_output_stride_sets_where_classes_are_told_apart():
    for stride, name in ((1, "logits"), (2, "classifier"), (4, "classifier")):
        model = unet((32, 64, 3), 2, filters=(4, 6), output_stride=stride)
        assert model.get_layer(name).input.shape == (None, 32 // stride, 64 // stride, 4)
    # Devices enlarge by 2.
    sizes = [x.size for x in model.layers if isinstance(x, keras.layers.UpSampling2D)]
    assert sizes == [(2, 2)] * 3


def test_probabilities_are_those_of_the_logits():
    model = unet((16, 16, 3), 3, filters=(4, 6), name="mine")
    assert model.name == "mine"
    both = keras.Model(model.input, [model.get_layer("logits").output, model.output])
    logits, probabilities = both(pixels((2, 16, 16, 3)))
    assert np.std(logits) > 0
    expected = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(probabilities, expected, atol=1e-6)
    raw = unet((16, 16, 3), 3, filters=(4, 6), classifier_activation=None)
    assert raw.layers[-1].name == "logits"


def test_backbone_for_any_size():
    model = unet((64, 96, 3), 3, backbone=mobilenet((None, None, 3)))
    assert model.output_shape == (None, 64, 96, 3)
    assert model.get_layer("decoder16_join").output.shape == (None, 4, 6, 128)


def test_a_stride_without_a_map_has_no_skip():
    x = images = keras.Input((32, 32, 3))
    for filters, stride in ((4, 4), (8, 2), (8, 2)):
        x = keras.layers.Conv2D(filters, 3, stride, padding="same")(x)
    backbone = keras.Model(images, x)
    model = unet((32, 32, 3), 2, backbone=backbone, filters=(4, 8, 8, 8))
    joins = [layer.name for layer in model.layers if "join" in layer.name]
    assert joins == ["decoder8_join", "decoder4_join"]
    assert model.output_shape == (None, 32, 32, 2)


def test_who_rescales():
    net = trunk()
    images = pixels((1, 32, 48, 3))
    model = unet((32, 48, 3), 2, backbone=net, filters=(4, 6), output_stride=1)
    received = keras.Model(model.input, model.get_layer("decoder1_join").input[1])(images)
    expected = keras.Model(net.input, net.get_layer("stage1_block1_relu").output)(images)
    np.testing.assert_array_equal(received, expected)

    net = mobilenet((64, 64, 3))
    images = pixels((1, 64, 64, 3))
    features = keras.Model(net.input, net.get_layer("block_1_expand_relu").output)
    halves = keras.layers.Rescaling(0.5)
    for preprocessing, rescaled in ((None, images / 127.5 - 1), (halves, images / 2)):
        model = unet((64, 64, 3), 2, backbone=net, preprocessing=preprocessing)
        received = keras.Model(model.input, model.get_layer("decoder2_skip_conv").input)(images)
        np.testing.assert_allclose(received, features(rescaled), rtol=1e-4, atol=1e-5)


def test_backbone_is_shared():
    net = trunk()
    model = unet((32, 48, 3), 2, backbone=net, filters=(4, 6), output_stride=1)
    assert {id(w) for w in net.weights} < {id(w) for w in model.weights}
    before = net.get_weights()
    model.compile("adam", "sparse_categorical_crossentropy", run_eagerly=True)
    model.fit(pixels((2, 32, 48, 3)), np.zeros((2, 32, 48)), epochs=1, verbose=0)
    for old, new in zip(before, net.get_weights(), strict=True):
        assert not np.array_equal(old, new)


def test_frozen_backbone_stays_frozen():
    net = trunk()
    net.trainable = False
    model = unet((32, 48, 3), 2, backbone=net, filters=(4, 6), output_stride=1)
    # Two reductions and two blocks of a kernel and a normalization's two, and the classifier's two.
    assert len(model.trainable_weights) == 4 * 3 + 3 + 2


def test_saved_model_is_the_same(tmp_path):
    for backbone in (None, trunk()):
        model = unet((32, 48, 3), 3, backbone=backbone, filters=(4, 6), output_stride=1)
        model.save(tmp_path / "model.keras")
        loaded = keras.models.load_model(tmp_path / "model.keras")
        images = pixels((2, 32, 48, 3), seed=1)
        np.testing.assert_array_equal(loaded(images), model(images))


def two_scenes():
    """Images, their label maps, and a network to learn them."""
    keras.utils.set_random_seed(0)
    (train, _, _), _ = load_detection(
        examples=2, image_size=(64, 64), augment=False, masks=True, batch_size=2
    )
    batch = next(iter(train))
    images, classes = batch["images"].numpy(), batch["segmentation"].numpy()
    return images, classes, unet((64, 64, 3), 2, filters=(8, 12, 16))


def test_four_steps_lower_the_loss():
    """Four seeds left 36 to 56 % of the first loss."""
    images, classes, model = two_scenes()
    # Compiling takes longer than five steps.
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", run_eagerly=True)
    losses = model.fit(images, classes, epochs=5, verbose=0).history["loss"]
    assert losses[-1] < 0.75 * losses[0]


@pytest.mark.slow
def test_learns_two_scenes():
    """40 steps; four seeds gave the balloons an IoU of 0.77 to 0.84."""
    images, classes, model = two_scenes()
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", jit_compile=False)
    model.fit(images, classes, epochs=40, verbose=0)
    found = model.predict(images, verbose=0).argmax(axis=-1)
    assert ((found == 1) & (classes == 1)).sum() / ((found == 1) | (classes == 1)).sum() > 0.6


def two_inputs():
    images = [keras.Input((32, 48, 3)), keras.Input((32, 48, 3))]
    return keras.Model(images, keras.layers.Conv2D(4, 3, 2)(keras.layers.Add()(images)))


def unpadded():
    x = images = keras.Input((32, 48, 3))
    for _ in range(2):
        x = keras.layers.Conv2D(4, 5, 2)(x)
    return keras.Model(images, keras.layers.Conv2D(4, 3, 2, padding="same")(x))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"input_shape": (32, 48)}, r"three positive integers, received \(32, 48\)"),
        ({"classes": 0}, "at least 1 class, received classes=0"),
        ({"classes": 1}, 'expected classifier_activation="sigmoid" or None for one class'),
        ({"filters": (8,)}, r"two positive filters or more, received \(8,\)"),
        ({"filters": (8, 0)}, r"two positive filters or more, received \(8, 0\)"),
        ({"output_stride": 3}, "an output_stride of 1, 2, 4, …, received 3"),
        ({}, "multiples of 32, the stride of the deepest map, received 32x48"),
        (
            {"backbone": mobilenet, "input_shape": (64, 80, 3)},
            r"for images of \(64, 80, 3\), received one for \(64, 96, 3\)",
        ),
        (
            {"backbone": lambda: mobilenet((40, 64, 3)), "input_shape": (40, 64, 3)},
            "multiples of 32, the stride of the deepest map, received 40x64",
        ),
        ({"backbone": two_inputs}, "one input and one output, received .* with 2 inputs"),
        ({"backbone": lambda: keras.Sequential(name="empty")}, "received 'empty' with 0 inputs"),
        ({"backbone": lambda: convnet((32, 48, 3))}, r"one that ends in \(None, 10\); cut off"),
        ({"backbone": trunk, "output_stride": 4}, "an output_stride below 4, .* output_stride=4"),
        (
            {"backbone": trunk, "output_stride": 1, "filters": (8, 0)},
            "two positive filters or more",
        ),
        (
            {"backbone": mobilenet, "input_shape": (64, 96, 3), "filters": (8, 8, 8)},
            r"a number in filters for each doubling .* filters=\(8, 8, 8\)",
        ),
        ({"backbone": unpadded}, "received one without such maps between output_stride=2"),
    ],
)
def test_wrong_arguments(arguments, message):
    arguments = {"input_shape": (32, 48, 3)} | arguments
    if "backbone" in arguments:
        arguments["backbone"] = arguments["backbone"]()
    with pytest.raises(ValueError, match=message):
        unet(**arguments)
