"""All image classifiers in one table: size, shape, training, files, Keras's own networks, int8."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import keras
import keras_cv
import numpy as np
import pytest

import deploy
from thinkkeras import models
from thinkkeras.inspection import multiply_accumulates
from thinkkeras.models.classification.efficientnet_lite0 import STAGES
from thinkkeras.models.weights import copy_weights

SLOW = pytest.mark.slow


class Network(NamedTuple):
    """A network for images of 32x32x3 and ten classes."""

    build: Callable[..., keras.Model]
    parameters: int
    last_map: tuple[int, int, int]


# By name; narrow, so that they are built, trained and converted in seconds.
NETWORKS = {
    "alexnet": Network(
        partial(models.alexnet, alpha=1 / 8, small_images=True), 474_810, (3, 3, 32)
    ),
    "convnet": Network(models.convnet, 141_170, (4, 4, 96)),
    "densenet": Network(
        partial(models.densenet, blocks=(2, 3), growth_rate=8, small_images=True),
        17_898,
        (16, 16, 40),
    ),
    "ds_cnn": Network(
        partial(models.ds_cnn, kernel_size=(3, 3), include_preprocessing=True),
        23_370,
        (16, 16, 64),
    ),
    "efficientnet_lite0": Network(
        partial(models.efficientnet_lite0, alpha=0.35, last=64, small_images=True),
        428_650,
        (4, 4, 64),
    ),
    "googlenet": Network(
        partial(models.googlenet, alpha=1 / 8, small_images=True), 94_116, (8, 8, 128)
    ),
    "lenet5": Network(models.lenet5, 83_126, (6, 6, 16)),
    "mobilenet_v1": Network(
        partial(models.mobilenet_v1, alpha=1 / 4, small_images=True), 221_114, (4, 4, 256)
    ),
    "mobilenet_v2": Network(
        partial(models.mobilenet_v2, alpha=0.35, last=64, small_images=True),
        269_802,
        (4, 4, 64),
    ),
    "mobilenet_v3": Network(
        partial(models.mobilenet_v3, alpha=0.35, last=64, small_images=True),
        145_050,
        (4, 4, 192),
    ),
    "mobilenet_v3_minimalistic": Network(
        partial(models.mobilenet_v3, alpha=0.35, last=64, minimalistic=True, small_images=True),
        76_690,
        (4, 4, 192),
    ),
    "resnet": Network(models.resnet, 78_714, (8, 8, 64)),
    "resnet_padded_v2": Network(
        partial(models.resnet, version=2, shortcut="padding"), 75_770, (8, 8, 64)
    ),
    "resnet_bottlenecks": Network(
        partial(models.resnet, depth=50, alpha=1 / 8, small_images=True), 385_714, (4, 4, 256)
    ),
    "squeezenet": Network(
        partial(models.squeezenet, alpha=1 / 4, small_images=True), 47_322, (7, 7, 128)
    ),
    "vgg": Network(partial(models.vgg, depth=11, alpha=1 / 8, units=64), 153_530, (1, 1, 64)),
}


# In the quick part of the tests a kind of block has one network.
VARIANTS = ("efficientnet_lite0", "mobilenet_v2", "mobilenet_v3", "mobilenet_v3_minimalistic")
VARIANTS += ("resnet_bottlenecks", "resnet_padded_v2")
# dB that int8 reaches at least with the weights of seed 0: errors grow with the layers that nothing
# has trained (10 to 21 dB measured); the others have 34 to 40.
DEEP = {"mobilenet_v1": 9, "mobilenet_v2": 11, "mobilenet_v3": 11, "efficientnet_lite0": 12}
DEEP |= {"mobilenet_v3_minimalistic": 18, "resnet_bottlenecks": 16}
NAMES = [pytest.param(name, marks=SLOW if name in VARIANTS else ()) for name in NETWORKS]


def images(count, size=32, seed=0):
    """Smooth pictures, their pixels in 0-255."""
    coarse = np.random.default_rng(seed).uniform(0, 255, (count, 8, 8, 3)).astype("float32")
    return np.asarray(keras.ops.image.resize(coarse, (size, size)))


def unallocated(build, **arguments):
    """A model whose weights have shapes, but no values yet: VGG's would take half a gigabyte."""
    with keras.StatelessScope(initialize_variables=False):
        model = build(**arguments)
    keras.utils.clear_session()  # or the next model's making would fill these in
    return model


@pytest.mark.parametrize(
    ("build", "arguments", "parameters", "millions"),
    [
        # Million multiply-accumulates: the papers' tables, where they have them.
        (models.lenet5, {}, 61_706, 0.4165),
        (models.alexnet, {}, 62_378_344, 1135),
        (models.vgg, {"depth": 11}, 132_863_336, 7609),
        (models.vgg, {"depth": 13}, 133_047_848, 11308),
        (models.vgg, {"depth": 16}, 138_357_544, 15470),
        (models.vgg, {"depth": 19}, 143_667_240, 19632),
        (models.googlenet, {}, 6_998_552, 1583),
        (models.squeezenet, {}, 1_235_496, 352),
        (models.resnet, {}, 78_714, 12.5),
        (models.mobilenet_v1, {}, 4_253_864, 569),
        (models.mobilenet_v2, {}, 3_538_984, 300),
        (models.mobilenet_v3, {}, 2_554_968, 56),
        (models.efficientnet_lite0, {}, 4_694_024, 385),
        pytest.param(
            models.mobilenet_v3, {"size": "large", "minimalistic": True}, 3_948_688, 209, marks=SLOW
        ),
        pytest.param(models.densenet, {}, 8_062_504, 2834, marks=SLOW),
        pytest.param(models.densenet, {"depth": 169}, 14_307_880, 3360, marks=SLOW),
        pytest.param(models.densenet, {"depth": 201}, 20_242_984, 4291, marks=SLOW),
    ],
)
def test_the_paper_s_size(build, arguments, parameters, millions):
    model = unallocated(build, **arguments)
    assert model.count_params() == parameters
    assert multiply_accumulates(model) / 1e6 == pytest.approx(millions, rel=0.01)


@pytest.mark.parametrize(
    ("arguments", "trained"),
    [
        # MLPerf Tiny's 78,666 less the biases and the statistics that are not trained.
        ({"depth": 8}, 78_042),
        # Akamaster's for PyTorch, which the paper's 0.27, 0.46 and 0.85 million are.
        ({"depth": 20, "shortcut": "padding"}, 269_722),
        ({"depth": 32, "shortcut": "padding"}, 464_154),
        pytest.param({"depth": 56, "shortcut": "padding"}, 853_018, marks=SLOW),
        # Torchvision's.
        ({"depth": 18, "classes": 1000}, 11_689_512),
        pytest.param({"depth": 34, "classes": 1000}, 21_797_672, marks=SLOW),
        # Without shortcuts only their projections are gone.
        ({"depth": 8, "shortcut": None}, 78_042 - 16 * 32 - 2 * 32 - 32 * 64 - 2 * 64),
    ],
)
def test_residual_networks_have_their_published_sizes(arguments, trained):
    model = unallocated(models.resnet, **arguments)
    assert sum(int(np.prod(weight.shape)) for weight in model.trainable_weights) == trained


@pytest.mark.parametrize("name", NAMES)
def test_a_network_is_built_trained_and_saved(name, tmp_path):
    build, parameters, _ = NETWORKS[name]
    keras.utils.set_random_seed(0)
    model = build((32, 32, 3), 10, name="mine")
    assert (model.name, model.count_params()) == ("mine", parameters)
    assert (model.input_shape, model.output_shape) == ((None, 32, 32, 3), (None, 10))
    assert model.layers[1].name == "rescaling"
    x, y = images(8), np.arange(8)
    np.testing.assert_allclose(np.sum(model(x), axis=1), np.ones(8), atol=1e-5)

    model.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(keras.saving.load_model(tmp_path / "model.keras")(x), model(x))

    model.compile("sgd", "sparse_categorical_crossentropy", run_eagerly=True)
    kernels = [weight for weight in model.trainable_weights if weight.path.endswith("kernel")]
    before = [kernel.numpy() for kernel in kernels]
    assert np.isfinite(model.train_on_batch(x, y))
    for kernel, values in zip(kernels, before, strict=True):
        assert np.any(kernel.numpy() != values), kernel.path


@pytest.mark.parametrize("name", NAMES)
def test_the_ends_are_left_out(name):
    build, _, last_map = NETWORKS[name]
    bare = {"include_top": False, "include_preprocessing": False}
    model = unallocated(build, input_shape=(32, 32, 3), pooling="max", **bare)
    layers = [layer.name for layer in model.layers]
    assert layers[-1] == "maximum" and not {"rescaling", "average", "classifier"} & set(layers)
    assert model.layers[-1].input.shape == (None, *last_map)
    assert model.output_shape == (None, last_map[-1])


@pytest.mark.parametrize("name", ["convnet", "lenet5", "alexnet", "vgg", "squeezenet"])
def test_logits_and_maps(name):
    """Every way in which a top is made."""
    build, _, last_map = NETWORKS[name]
    model = unallocated(build, input_shape=(32, 32, 3), classes=7, classifier_activation=None)
    assert model.get_layer("classifier").activation is keras.activations.linear
    assert model.output_shape == (None, 7)
    maps = unallocated(build, input_shape=(32, 32, 3), include_top=False)
    assert maps.output_shape == (None, *last_map)


def of_keras(name, **arguments):
    """Keras's own network of this name and its preprocessing."""
    prepare = {"MobileNet": "mobilenet", "MobileNetV2": "mobilenet_v2", "VGG16": "vgg16"}
    prepare |= {"VGG19": "vgg19", "ResNet50": "resnet", "ResNet101": "resnet"}
    prepare |= {"ResNet50V2": "resnet_v2", "ResNet101V2": "resnet_v2"}
    prepare |= dict.fromkeys(("DenseNet121", "DenseNet169", "DenseNet201"), "densenet")
    network = getattr(keras.applications, name)
    module = getattr(keras.applications, prepare.get(name, "mobilenet_v3"))
    options = {"weights": None, "classifier_activation": None, "input_shape": (64, 64, 3)}
    return network(**options | arguments), module.preprocess_input


@pytest.mark.parametrize(
    ("theirs", "arguments", "ours", "mode"),
    [
        ("MobileNetV2", {"alpha": 0.35}, models.mobilenet_v2, "tf"),
        ("MobileNetV3Small", {"alpha": 0.75}, models.mobilenet_v3, "tf"),
        pytest.param("MobileNet", {"alpha": 0.25}, models.mobilenet_v1, "tf", marks=SLOW),
        pytest.param("MobileNetV2", {"alpha": 1.4}, models.mobilenet_v2, "tf", marks=SLOW),
        pytest.param(
            "MobileNetV3Large",
            {"alpha": 1.0},
            partial(models.mobilenet_v3, size="large"),
            "tf",
            marks=SLOW,
        ),
        pytest.param(
            "MobileNetV3Large",
            {"alpha": 0.75, "minimalistic": True},
            partial(models.mobilenet_v3, size="large"),
            "tf",
            marks=SLOW,
        ),
        pytest.param("DenseNet121", {}, models.densenet, "torch", marks=SLOW),
        *(
            pytest.param(
                f"DenseNet{depth}", {}, partial(models.densenet, depth=depth), "torch", marks=SLOW
            )
            for depth in (169, 201)
        ),
        *(
            pytest.param(
                f"ResNet{depth}{'V2' if version == 2 else ''}",
                {},
                partial(models.resnet, depth=depth, version=version),
                "tf" if version == 2 else "caffe",
                marks=SLOW,
            )
            for depth in (50, 101)
            for version in (1, 2)
        ),
        *(
            pytest.param(
                f"VGG{depth}",
                {"include_top": False},
                partial(models.vgg, depth=depth),
                "caffe",
                marks=SLOW,
            )
            for depth in (16, 19)
        ),
    ],
)
def test_keras_s_weights_give_keras_s_outputs(theirs, arguments, ours, mode):
    reference, prepare = of_keras(theirs, **arguments)
    own = {"classes": 1000, "classifier_activation": None} | arguments
    model = ours((64, 64, 3), **own)
    assert model.count_params() == reference.count_params()
    randomize(reference)
    copy_weights(reference, model, mode)
    x = images(2, 64)
    expected = np.asarray(reference(prepare(x.copy())))
    scale = np.abs(expected).max()
    np.testing.assert_allclose(model(x) / scale, expected / scale, atol=1e-5)


def test_keras_cv_s_weights_give_keras_cv_s_outputs():
    kernels, expansions, filters, repeats, strides = map(list, zip(*STAGES, strict=True))
    reference = keras_cv.models.EfficientNetLiteBackbone(
        stackwise_kernel_sizes=kernels,
        stackwise_num_repeats=repeats,
        stackwise_input_filters=[32, *filters[:-1]],
        stackwise_output_filters=filters,
        stackwise_expansion_ratios=expansions,
        stackwise_strides=strides,
        width_coefficient=1.0,
        depth_coefficient=1.0,
        include_rescaling=False,
        input_shape=(64, 64, 3),
    )
    model = models.efficientnet_lite0((64, 64, 3), include_top=False, include_preprocessing=False)
    randomize(reference)
    copy_weights(reference, model)
    x = images(2, 64) / 127.5 - 1
    expected = np.asarray(reference(x))
    scale = np.abs(expected).max()
    np.testing.assert_allclose(model(x) / scale, expected / scale, atol=1e-5)


def randomize(model):
    """Numbers that no two weights share, so that none is confused with another."""
    rng = np.random.default_rng(0)
    for weight in model.weights:
        kind = weight.path.rsplit("/", 1)[1]
        if kind in ("moving_variance", "gamma"):
            weight.assign(rng.uniform(0.5, 1.5, weight.shape))
        elif kind in ("moving_mean", "beta", "bias"):
            weight.assign(rng.normal(0, 0.1, weight.shape))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (partial(models.vgg, (31, 64, 3)), "at least 32x32 pixels, received 31x64"),
        (partial(models.alexnet, (66, 66, 3)), "at least 67x67 pixels, received 66x66"),
        (partial(models.densenet, (31, 31, 3)), "at least 32x32 pixels"),
        (partial(models.densenet, (7, 7, 3), small_images=True), "at least 8x8 pixels"),
        (partial(models.densenet, depth=100), "depth out of .121, 169, 201.*received depth=100"),
        (partial(models.densenet, growth_rate=0), "growth_rate=0"),
        (partial(models.resnet, depth=10), r"depth out of \(8, 20, .* received depth=10"),
        (partial(models.resnet, version=3), "version 1 or 2, received .*version=3"),
        (partial(models.resnet, depth=50, shortcut=None), "depth 50, received None; the others"),
        (partial(models.vgg, depth=12), "depth out of .11, 13, 16, 19., received 12"),
        (partial(models.mobilenet_v3, size="tiny"), "'small', 'large'.*received 'tiny'"),
        (partial(models.lenet5, (28, 28)), r"three positive integers, received \(28, 28\)"),
        (partial(models.googlenet, classes=0), "at least 1 class, received classes=0"),
        (partial(models.resnet, classes=1), "sigmoid.* for one class, received 'softmax'"),
        (partial(models.squeezenet, pooling="mean"), '"avg" or "max", received \'mean\''),
        (partial(models.mobilenet_v1, alpha=0), "positive alpha, received 0"),
    ],
)
def test_wrong_arguments(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def settle(model, x, monkeypatch):
    """Keeps the numbers of an untrained network in range: else they fade from layer to layer."""

    def call(layer, x, normalize=keras.layers.BatchNormalization.call, **_):
        layer.moving_variance.assign(np.mean(np.square(x), axis=(0, 1, 2)))
        return normalize(layer, x, training=False)

    monkeypatch.setattr(keras.layers.BatchNormalization, "call", call)
    model(x)
    monkeypatch.undo()


@SLOW
@pytest.mark.parametrize("name", NETWORKS)
def test_int8_on_every_kind_of_device(name, tmp_path, monkeypatch):
    """What is converted is the network, and no accelerator leaves any of it to the processor."""
    keras.utils.set_random_seed(0)
    # Probabilities of an untrained network are all alike, and any file would agree with them.
    model = NETWORKS[name].build((32, 32, 3), 10, classifier_activation=None)
    x = images(64)
    settle(model, x, monkeypatch)
    cards = deploy.export(
        model,
        ("cpu", "cortex-m", "ethos-u55-128", "coral"),
        out=tmp_path / "bundles",
        calibration=x,
        accept=True,
        verbose=0,
    )
    for card in cards:
        assert card["parity"]["sqnr_db"] >= DEEP.get(name, 31), card["target"]
    _, micro, npu, tpu = cards
    assert micro["memory"]["arena_bytes"] < 300_000
    assert npu["npu"]["cpu_ops"] == []
    left = [each["operator"] for each in tpu["coral"]["operators"] if not each["tpu"]]
    # Of all the networks' operators the Edge TPU lacks this one.
    assert left[:1] == (["HARD_SWISH"] if name == "mobilenet_v3" else [])
