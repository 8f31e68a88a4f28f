"""Where the weights of a builder come from: files, Keras's networks, the network's error."""

import os
from pathlib import Path
from urllib.error import URLError

import h5py
import keras
import numpy as np
import pytest
from keras.src.utils import file_utils

from thinkkeras.models import lenet5, mobilenet_v2, resnet, squeezenet, vgg
from thinkkeras.models.classification.squeezenet import IMAGENET
from thinkkeras.models.weights import copy_weights, load_weights

FILE = Path(IMAGENET).name


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """No network, and nothing downloaded before."""

    def refuse(*_, **__):
        raise URLError("no route to host")

    monkeypatch.setattr(file_utils, "urlretrieve", refuse)
    monkeypatch.setattr(file_utils.config, "keras_home", lambda: str(tmp_path))
    monkeypatch.delenv("THINKKERAS_DOWNLOADS", raising=False)


@pytest.mark.parametrize(
    "build",
    [
        lambda: mobilenet_v2((64, 64, 3), alpha=0.35, include_top=False, weights="imagenet"),
        lambda: squeezenet((64, 64, 3), include_top=False, weights="imagenet"),
    ],
)
def test_without_a_network_one_line_says_what_to_do(build, offline):
    with pytest.raises(ConnectionError, match="download the ImageNet weights.*connect to") as error:
        build()
    assert "\n" not in str(error.value)


def test_a_file_of_weights_is_read(tmp_path):
    file = tmp_path / "own.weights.h5"
    model = resnet(depth=8)
    model.save_weights(file)
    for weights in (file, str(file)):
        for own, read in zip(model.weights, resnet(depth=8, weights=weights).weights, strict=True):
            np.testing.assert_array_equal(own, read)


@pytest.mark.parametrize(
    "build",
    [
        lambda file: resnet(depth=20, weights=file),
        lambda file: lenet5(classes=5, weights=file),
        lambda file: lenet5(weights=Path(__file__)),
    ],
)
def test_a_file_that_does_not_fit_is_told_in_one_line(build, tmp_path):
    file = tmp_path / "own.weights.h5"
    lenet5().save_weights(file)
    with pytest.raises(ValueError, match="weights of '.*another network's or none") as error:
        build(file)
    assert "\n" not in str(error.value)


def test_no_file():
    with pytest.raises(FileNotFoundError, match="received 'nowhere.weights.h5', where there is"):
        lenet5(weights="nowhere.weights.h5")


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: lenet5(weights="imagenet"), "'lenet5', received 'imagenet', .* publishes none"),
        (lambda: resnet(weights="imagenet"), "'resnet', received 'imagenet', .* publishes none"),
        (
            lambda: mobilenet_v2((64, 64, 3), 10, weights="imagenet"),
            "classes=1000, .* received 10; pass include_top=False",
        ),
        (
            lambda: squeezenet((64, 64, 3), weights="imagenet"),
            "include_top=False, .* received include_top=True",
        ),
    ],
)
def test_weights_that_there_are_not(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_caffe_s_order_and_scale_are_in_the_first_kernel():
    """Keras's VGG sees blue first, and pixels less their mean, of some hundreds."""
    reference = keras.applications.VGG16(include_top=False, weights=None, input_shape=(32, 32, 3))
    model = vgg((32, 32, 3), include_top=False, weights=None)
    load_weights(
        model, "imagenet", include_top=False, published=lambda **_: reference, mode="caffe"
    )
    theirs, ours = reference.get_weights(), model.get_weights()
    np.testing.assert_allclose(ours[0] / 64, theirs[0][:, :, ::-1])
    for own, other in zip(ours[1:], theirs[1:], strict=True):
        np.testing.assert_array_equal(own, other)


def test_networks_that_differ_are_told():
    x = keras.Input((4,))
    one = keras.Model(x, keras.layers.Dense(3, name="mine")(x))
    other = keras.Model(x, keras.layers.Dense(2, name="theirs")(x))
    with pytest.raises(ValueError, match=r"\(4, 3\).*for 'mine', received .*\(4, 2\).*'theirs'"):
        copy_weights(other, one)
    with pytest.raises(ValueError, match="expected 1 layers with weights, received 0"):
        copy_weights(keras.Model(x, x), one)


def test_squeezenet_reads_keras_2_s_file(tmp_path, monkeypatch):
    """A file of that layout, its numbers drawn: names of layers, order of colours, scale."""
    model = squeezenet((64, 64, 3), include_top=False)
    rng, drawn = np.random.default_rng(0), {}
    with h5py.File(tmp_path / FILE, "w") as file:
        for layer in model.layers:
            if layer.weights:
                name = layer.name.replace("_squeeze", "/squeeze1x1").replace("_expand", "/expand")
                group = file.create_group(name)
                names = [f"{name}_W:0", f"{name}_b:0"]
                group.attrs["weight_names"] = [each.encode() for each in names]
                drawn[layer.name] = [rng.normal(size=w.shape) for w in layer.weights]
                for each, values in zip(names, drawn[layer.name], strict=True):
                    group[each] = values
    monkeypatch.setenv("THINKKERAS_DOWNLOADS", str(tmp_path))
    read = squeezenet((64, 64, 3), include_top=False, weights="imagenet")
    assert len(drawn) == 1 + 3 * 8
    for name, (kernel, bias) in drawn.items():
        if name == "conv1":
            kernel = kernel[:, :, ::-1] * 64
        found = read.get_layer(name).get_weights()
        np.testing.assert_allclose(found[0], kernel, rtol=1e-6)
        np.testing.assert_allclose(found[1], bias, rtol=1e-6)


def test_squeezenet_s_published_file():
    folder = os.environ.get("THINKKERAS_DOWNLOADS")
    if not folder or not Path(folder, FILE).is_file():
        pytest.skip(f"{FILE} is not in THINKKERAS_DOWNLOADS")
    model = squeezenet((64, 64, 3), include_top=False, pooling="avg", weights="imagenet")
    # Filters of edges and colours, most of which add up to next to nothing.
    kernel = model.get_layer("conv1").get_weights()[0] / 64
    assert np.abs(kernel).max() == pytest.approx(0.7, abs=0.4)
    assert model.count_params() == 722_496
