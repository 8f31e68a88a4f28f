"""Every way in, and every way to be refused."""

import dataclasses
import shutil
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from deploy import DeployError
from deploy.load.readers import load

L = keras.layers


def two_by_two():
    """Two inputs, two outputs, given as dictionaries."""
    first, second = keras.Input((4,), name="first"), keras.Input((3,), name="second")
    joined = L.Concatenate()([first, second])
    outputs = {"sum": L.Dense(2, name="sum")(joined), "all": L.Dense(5, name="all")(joined)}
    return keras.Model({"second": second, "first": first}, outputs)


@pytest.fixture(scope="module")
def small():
    keras.utils.set_random_seed(1)
    image = keras.Input((6, 6, 1), name="image")
    x = L.BatchNormalization()(L.Conv2D(2, 3)(image))
    return keras.Model(image, L.Dense(3, activation="softmax", name="prediction")(L.Flatten()(x)))


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).normal(size=(5, 6, 6, 1)).astype("float32")


def save_keras_2(path):
    model = tf_keras.Sequential(
        [
            tf_keras.layers.InputLayer((6, 6, 1), name="image"),
            tf_keras.layers.DepthwiseConv2D(3),
            tf_keras.layers.Flatten(),
            tf_keras.layers.Dense(3),
        ]
    )
    model.save(path)
    return model


@pytest.mark.parametrize("way", ["memory", ".keras", ".h5", "SavedModel"])
def test_every_way_in_gives_the_same_outputs(way, small, images, tmp_path):
    path = small
    if way == "SavedModel":
        path = tmp_path / "saved"
        small.export(path, verbose=False)
    elif way != "memory":
        path = tmp_path / f"model{way}"
        small.save(path)
    source = load(path)
    assert source.params == small.count_params() == 2 * 9 + 2 + 8 + 32 * 3 + 3
    assert [entry.shape for entry in source.inputs] == [(6, 6, 1)]
    np.testing.assert_allclose(
        source.predict([images])[0], small.predict(images, verbose=0), atol=1e-6
    )


def test_a_keras_2_file_comes_in(images, tmp_path):
    model = save_keras_2(tmp_path / "old.h5")
    source = load(tmp_path / "old.h5")
    np.testing.assert_allclose(
        source.predict([images])[0], model.predict(images, verbose=0), atol=1e-6
    )


def test_several_inputs_and_outputs_keep_their_order():
    model = two_by_two()
    source = load(model)
    assert [entry.name for entry in source.inputs] == [tensor.name for tensor in model.inputs]
    data = {"first": np.ones((2, 4), "float32"), "second": np.zeros((2, 3), "float32")}
    expected = model.predict(data, verbose=0)
    received = source.predict([data[entry.name] for entry in source.inputs])
    for name, output in zip(source.outputs, received, strict=True):
        np.testing.assert_allclose(output, expected[name], atol=1e-6)


def test_large_images_come_in_few_at_a_time():
    inputs = keras.Input((512, 512, 3))
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(inputs))
    source, seen = load(model), []

    def call(images):
        seen.append(len(images))
        return source.call(images)

    images = np.random.default_rng(0).uniform(0, 255, (5, 512, 512, 3)).astype("float32")
    (means,) = dataclasses.replace(source, call=call).predict([images])
    # 2 of 786,432 numbers each stay below the 2,097,152 that may enter at once.
    assert seen == [2, 2, 1]
    np.testing.assert_allclose(means, images.mean(axis=(1, 2)), rtol=1e-4)


def without_weights(path):
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name in entries.keys() - {"model.weights.h5"}:
            archive.writestr(name, entries[name])


def truncated(path):
    path.write_bytes(path.read_bytes()[:-200])


BROKEN = {
    "missing.keras": (None, "does not exist"),
    "text.keras": (lambda path: path.write_text("hello"), "expected a .keras archive"),
    "cut.keras": (truncated, "expected a .keras archive"),
    "light.keras": (without_weights, "without model.weights.h5"),
    "text.h5": (lambda path: path.write_text("hello"), "expected an HDF5 file"),
    "cut.h5": (lambda path: path.write_bytes(path.read_bytes()[:3000]), "does not load"),
    "model.onnx": (lambda path: path.write_text("hello"), "save the model with model.save"),
    "model.tflite": (lambda path: path.write_text("hello"), "converted already"),
    "folder": (lambda path: path.mkdir(), "without it"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_model_is_refused_in_one_line(name, small, tmp_path):
    path = tmp_path / name
    breaks, message = BROKEN[name]
    if breaks in (truncated, without_weights) or name == "cut.h5":
        small.save(path)
    if breaks:
        breaks(path)
    with pytest.raises(DeployError, match=message) as caught:
        load(path)
    assert "\n" not in str(caught.value)
    assert "received" in str(caught.value)


def save_with_code(way, path):
    """A model of Keras 3 or (way "old") of tf_keras with a Lambda layer, saved at `path`."""
    kind = tf_keras if way == "old" else keras
    x = kind.Input((3,))
    doubled = kind.layers.Lambda(lambda value: 2 * value, name="double")(x)
    # Within a nested model, where a look at the first level would not find it.
    inner = kind.Model(x, doubled, name="inner")
    kind.Model(x, inner(x), name="outer").save(path)


@pytest.mark.parametrize("way", [".keras", ".h5", "old"])
def test_code_in_a_file_runs_only_where_its_author_is_trusted(way, tmp_path):
    path = tmp_path / f"model{'.h5' if way == 'old' else way}"
    save_with_code(way, path)
    with pytest.raises(DeployError, match="holds code") as caught:
        load(path)
    assert str(caught.value) == (
        f"expected a model without code of its own, received '{path}', which holds code (a Lambda "
        "layer); if you trust its author, load it with --trust (trust=True)"
    )
    x = np.ones((2, 3), "float32")
    np.testing.assert_array_equal(load(path, trust=True).predict([x])[0], 2 * x)


def test_no_code_runs_in_the_look_for_it(tmp_path, monkeypatch):
    save_with_code("old", tmp_path / "model.h5")
    monkeypatch.setattr(
        tf_keras.models, "load_model", lambda *_, **__: pytest.fail("the file was opened")
    )
    with pytest.raises(DeployError, match="--trust"):
        load(tmp_path / "model.h5")


def subclassed():
    class Own(keras.Model):
        def call(self, x):
            return x

    return Own()


REFUSED = {
    "a dynamic axis": (
        lambda: keras.Sequential([keras.Input((None, 8, 3)), L.Conv2D(1, 3)]),
        r"\(None, None, 8, 3\) for input '.*': axis 1 is dynamic",
    ),
    "a fixed batch": (
        lambda: keras.Sequential([keras.Input(batch_shape=(4, 8)), L.Dense(1)]),
        "batch axis of None or 1",
    ),
    "text": (
        lambda: keras.Model(text := keras.Input((), dtype="string"), L.Identity()(text)),
        "behind the text .*, received 'identity",
    ),
    "a subclassed model": (subclassed, "whose inputs are not defined"),
}


@pytest.mark.parametrize(("build", "message"), REFUSED.values(), ids=REFUSED)
def test_what_no_device_can_hold_is_refused(build, message):
    with pytest.raises(DeployError, match=message):
        load(build())


def test_a_saved_model_needs_its_signature_and_its_graph(tmp_path):
    module = tf.Module()
    module.number = tf.Variable(1.0)
    tf.saved_model.save(module, str(tmp_path / "plain"))
    with pytest.raises(DeployError, match="expected the signature 'serving_default'"):
        load(tmp_path / "plain")
    shutil.rmtree(tmp_path / "plain" / "variables")
    with pytest.raises(DeployError, match="does not load"):
        load(tmp_path / "plain")


def test_outputs_that_are_not_finite_are_refused():
    model = keras.Sequential([keras.Input((2,)), L.Dense(1, name="broken")])
    model.layers[-1].set_weights([np.full((2, 1), np.nan), np.zeros(1)])
    with pytest.raises(DeployError, match="received NaN or infinity from 'broken'"):
        load(model).predict([np.ones((3, 2), "float32")])


def test_examples_on_which_the_model_fails_are_refused():
    words = keras.Input((3,), dtype="int32")
    source = load(keras.Model(words, L.Embedding(5, 2)(words)))
    with pytest.raises(DeployError, match=r"it fails: .*7 is not in \[0, 5\)") as caught:
        source.predict([np.full((1, 3), 7, "int32")])
    assert "\n" not in str(caught.value) and "\x1b" not in str(caught.value)
