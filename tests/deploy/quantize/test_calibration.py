"""Calibration data: what is taken, and what is refused and why."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import deploy
from deploy import DeployError
from deploy.load.readers import load
from deploy.quantize.calibration import EXAMPLES, calibrate

L = keras.layers
PIXELS = np.random.default_rng(0).integers(0, 256, (300, 4, 4, 1), dtype="uint8")


def network(*first):
    return load(keras.Sequential([keras.Input((4, 4, 1), name="image"), *first, L.Flatten()]))


@pytest.fixture(scope="module")
def rescaling():
    return network(L.Rescaling(1 / 255, name="rescaling"))


def pipeline(*, batch=None, labels=False):
    data = (PIXELS, np.zeros(300)) if labels else PIXELS
    dataset = tf.data.Dataset.from_tensor_slices(data)
    return dataset.batch(batch) if batch else dataset


def npz(folder):
    np.savez(folder / "data.npz", x=PIXELS, y=np.zeros(300))
    return folder / "data.npz"


WAYS = {
    "array": lambda folder: PIXELS,
    "floats": lambda folder: PIXELS.astype("float64"),
    "list of one": lambda folder: [PIXELS],
    "dictionary": lambda folder: {"image": PIXELS},
    "pipeline": lambda folder: pipeline(),
    "batches": lambda folder: pipeline(batch=64),
    "batches with labels": lambda folder: pipeline(batch=7, labels=True),
    "path": npz,
    "text path": lambda folder: str(npz(folder)),
}


@pytest.mark.parametrize("give", WAYS.values(), ids=WAYS)
def test_every_way_to_give_examples(give, rescaling, tmp_path):
    calibration = calibrate(give(tmp_path), rescaling)
    assert calibration.examples == EXAMPLES
    assert calibration.arrays[0].shape == (EXAMPLES, 4, 4, 1)
    assert calibration.arrays[0].dtype == np.float32
    assert calibration.ranges == ((0.0, 255.0),)


def test_the_seed_draws_the_examples(rescaling):
    drawn = [calibrate(PIXELS, rescaling, seed).arrays[0] for seed in (1, 1, 2)]
    assert np.array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])


def with_nan():
    data = PIXELS.astype("float32")
    data[3, 0, 0, 0] = np.nan
    return data


REFUSED = {
    "the wrong shape": (PIXELS[..., 0], r"shape \(examples, 4, 4, 1\).*received \(300, 4, 4\)"),
    "a single example": (PIXELS[0], r"received \(4, 4, 1\)"),
    "no example": (PIXELS[:0], "at least one calibration example"),
    "NaN": (with_nan(), "1 values that are NaN"),
    "text": (np.full((5, 4, 4, 1), "a"), "expected float32 calibration data.*received <U1"),
    "complex": (PIXELS.astype("complex64"), "received complex64"),
    "normalized twice": (PIXELS / 255.0, "received 0 to 1, of which the model's layer 'rescaling'"),
    "16 bits": (PIXELS.astype("float32") * 257, "received 0 to 65535"),
    "a constant": (np.full((9, 4, 4, 1), 7.0), "received the constant 7"),
    "another input": ({"photo": PIXELS}, r"arrays called \['image'\], received \['photo'\]"),
    "two inputs": ([PIXELS, PIXELS], r"received \(2, 300, 4, 4, 1\)"),
    "an empty pipeline": (tf.data.Dataset.from_tensor_slices(PIXELS[:0]), "an empty pipeline"),
    "no file": ("missing.npz", "'missing.npz', which does not exist"),
    "no data set": ("no_such_set", "name of a TFDS data set.*received 'no_such_set'"),
    "a test split": ("mnist:test", "can't be judged on it"),
}


@pytest.mark.parametrize(("data", "message"), REFUSED.values(), ids=REFUSED)
def test_what_would_spoil_the_model_is_refused(data, message, rescaling):
    with pytest.raises(DeployError, match=message) as caught:
        calibrate(data, rescaling)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_archive_is_refused(rescaling, tmp_path):
    (tmp_path / "data.npz").write_text("hello")
    with pytest.raises(DeployError, match="which is none"):
        calibrate(tmp_path / "data.npz", rescaling)


def test_objects_are_never_unpickled(rescaling, tmp_path):
    np.savez(tmp_path / "data.npz", x=np.array([{"a": 1}], dtype=object))
    with pytest.raises(DeployError, match="which is none"):
        calibrate(tmp_path / "data.npz", rescaling)


@pytest.mark.parametrize(
    ("layers", "data", "fits"),
    [
        ([L.Rescaling(1 / 127.5, offset=-1)], PIXELS, True),
        ([L.Rescaling(1 / 127.5, offset=-1)], PIXELS / 255.0, False),
        ([L.Normalization(mean=73.0, variance=90.0**2)], PIXELS, True),
        ([L.Normalization(mean=73.0, variance=90.0**2)], PIXELS / 255.0, False),
        ([L.RandomFlip(), L.Rescaling(1 / 255)], PIXELS / 255.0, False),
        ([], PIXELS / 255.0, True),
    ],
)
def test_the_range_is_judged_by_the_models_own_scaling(layers, data, fits):
    source = network(*layers)
    if fits:
        assert calibrate(data, source).examples == EXAMPLES
    else:
        with pytest.raises(DeployError, match="the model's own input units"):
            calibrate(data, source)


def test_integers_are_asked_of_an_integer_input():
    source = load(
        keras.Model(
            words := keras.Input((6,), dtype="int32"), L.Flatten()(L.Embedding(9, 2)(words))
        )
    )
    with pytest.raises(DeployError, match="expected int32 calibration data.*received float64"):
        calibrate(np.random.default_rng(0).normal(size=(4, 6)), source)
    assert calibrate(np.arange(24).reshape(4, 6) % 9, source).arrays[0].dtype == np.int32


def data_set(monkeypatch, shape):
    """A TFDS set of images of another size, black and white."""
    x = np.zeros((300, *shape), "uint8")
    x[::2] = 255
    pairs = tf.data.Dataset.from_tensor_slices((x, np.zeros(300, "int64")))
    monkeypatch.setattr("tensorflow_datasets.load", lambda name, **options: pairs)


@pytest.mark.parametrize("shape", [(6, 9, 3), (6, 9, 1)])
@pytest.mark.parametrize(
    ("front_end", "ends"),
    [
        (None, (0, 255)),
        ({"kind": "image", "black": 0, "white": 1}, (0, 1)),
        ({"kind": "image", "black": 1, "white": -1}, (-1, 1)),
    ],
)
def test_a_data_set_of_images_goes_through_the_front_end(front_end, ends, shape, monkeypatch):
    data_set(monkeypatch, shape)
    calibration = calibrate("images", network(), front_ends=[front_end] if front_end else [])
    assert calibration.arrays[0].shape == (EXAMPLES, 4, 4, 1)
    assert calibration.ranges == (ends,)


@pytest.mark.parametrize("as_list", [False, True])
def test_an_export_calibrates_by_the_front_end_that_it_is_told(as_list, monkeypatch, tmp_path):
    data_set(monkeypatch, (6, 9, 3))
    keras.utils.set_random_seed(0)
    layers = [keras.Input((4, 4, 1)), L.Flatten(), L.Dense(2, activation="softmax")]
    told = {"kind": "image", "black": -1, "white": 1}
    card = deploy.export(
        keras.Sequential(layers),
        "cpu",
        out=tmp_path / "bundle",
        calibration="images",
        front_end=[told] if as_list else told,
        verbose=0,
    )
    assert card["calibration"] == {"examples": EXAMPLES, "ranges": [[-1.0, 1.0]]}
    assert card["inputs"][0]["front_end"].items() >= told.items()
