"""The pipelines: splits, pixels, order, augmentation, and the errors of a wrong name."""

import os
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

import thinkkeras.datasets.tfds as tfds_sets
from thinkkeras.datasets import DatasetInfo, as_arrays, augmented, load

DIGITS = {"train": 1257, "validation": 180, "test": 360}


def prepared(name: str) -> bool:
    return (Path(os.environ.get("TFDS_DATA_DIR", "")) / name).is_dir()


@pytest.fixture(scope="module")
def digits():
    pipelines, info = load("digits", augment=False)
    return [as_arrays(pipeline) for pipeline in pipelines], info


def rows(x: np.ndarray) -> set[bytes]:
    return {image.tobytes() for image in x}


@pytest.fixture(scope="module")
def breast_cancer():
    pipelines, info = load("breast_cancer")
    return [as_arrays(pipeline) for pipeline in pipelines], info


def epochs(count: int = 1, **arguments) -> list[np.ndarray]:
    (train, _, _), _ = load("digits", **arguments)
    return [as_arrays(train)[0] for _ in range(count)]


def test_digits_info(digits):
    _, info = digits
    assert info == ("digits", (8, 8, 1), 10, list("0123456789"), DIGITS)


def test_digits_are_scikit_learns(digits):
    from sklearn.datasets import load_digits

    splits, _ = digits
    x = np.concatenate([x for x, _ in splits])
    y = np.concatenate([y for _, y in splits])
    original = load_digits()
    assert x.dtype == np.uint8 and y.dtype == np.int64
    assert sorted(
        np.rint(image.ravel() / 255 * 16).tolist() + [label]
        for image, label in zip(x, y, strict=True)
    ) == sorted(
        image.ravel().tolist() + [label]
        for image, label in zip(original.images, original.target, strict=True)
    )


def test_digits_splits_are_disjoint_and_stratified(digits):
    splits, info = digits
    assert [len(y) for _, y in splits] == list(info.counts.values())
    train, validation, test = (rows(x) for x, _ in splits)
    assert not train & validation and not train & test and not validation & test
    whole = np.bincount(np.concatenate([y for _, y in splits]))
    for (_, y), count in zip(splits, info.counts.values(), strict=True):
        assert np.abs(np.bincount(y) - whole * count / 1797).max() < 1


def test_breast_cancer_is_scikit_learns_table(breast_cancer):
    from sklearn.datasets import load_breast_cancer

    splits, info = breast_cancer
    counts = {"train": 398, "validation": 57, "test": 114}
    assert info == ("breast_cancer", (30,), 2, ["malignant", "benign"], counts)
    x = np.concatenate([x for x, _ in splits])
    y = np.concatenate([y for _, y in splits])
    original = load_breast_cancer()
    assert x.dtype == np.float32 and y.dtype == np.int64
    assert sorted(
        [*row, label] for row, label in zip(x.tolist(), y.tolist(), strict=True)
    ) == sorted(
        [*row, label]
        for row, label in zip(
            original.data.astype(np.float32).tolist(), original.target.tolist(), strict=True
        )
    )


def test_breast_cancer_splits_are_disjoint_and_stratified(breast_cancer):
    splits, info = breast_cancer
    assert [len(y) for _, y in splits] == list(info.counts.values())
    train, validation, test = (rows(x) for x, _ in splits)
    assert not train & validation and not train & test and not validation & test
    for _, y in splits:
        # 357 of the 569 tumours are benign.
        assert abs(y.sum() - len(y) * 357 / 569) < 1


def test_a_table_is_shuffled_and_never_augmented(breast_cancer):
    (train, _, _), _ = load("breast_cancer", augment=True, batch_size=50)
    first, second = (as_arrays(train)[0] for _ in range(2))
    assert not np.array_equal(first, second)
    assert rows(first) == rows(second) == rows(breast_cancer[0][0][0])
    x, y = next(iter(train))
    assert x.shape == (50, 30) and x.dtype == tf.float32 and y.shape == (50,)


def test_splits_do_not_depend_on_the_seed(digits):
    (_, (validation, _), (test, _)), _ = digits
    (train, other_validation, other_test), _ = load("digits", augment=False, seed=9)
    np.testing.assert_array_equal(as_arrays(other_validation)[0], validation)
    np.testing.assert_array_equal(as_arrays(other_test)[0], test)
    assert rows(as_arrays(train)[0]) == rows(digits[0][0][0])


def test_batches():
    (train, validation, _), _ = load("digits", batch_size=100)
    assert len(train) == 13 and len(validation) == 2
    shapes = [images.shape[0] for images, _ in train]
    assert shapes == [100] * 12 + [57]
    images, labels = next(iter(train))
    assert images.shape == (100, 8, 8, 1) and images.dtype == tf.float32
    assert labels.shape == (100,) and labels.dtype.is_integer
    assert images.numpy().min() == 0 and images.numpy().max() == 255
    assert train.element_spec[0].shape == (None, 8, 8, 1)


@pytest.mark.parametrize("augment", [False, True])
def test_seed_decides_every_epoch(augment):
    first, again = epochs(2, seed=3, augment=augment), epochs(2, seed=3, augment=augment)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first[0], first[1])
    assert not np.array_equal(first[0], epochs(seed=4, augment=augment)[0])


def test_an_epoch_broken_off_changes_nothing_but_the_order():
    (train, _, _), _ = load("digits", augment=False)
    next(iter(train))
    assert rows(as_arrays(train)[0]) == rows(epochs(augment=False)[0])


def test_only_training_is_augmented(digits):
    (train, validation, test), _ = load("digits", augment=True)
    for pipeline, (x, y) in zip((validation, test), digits[0][1:], strict=True):
        np.testing.assert_array_equal(as_arrays(pipeline)[0], x)
        np.testing.assert_array_equal(as_arrays(pipeline)[1], y)
    shifted, kept = rows(as_arrays(train)[0]), rows(digits[0][0][0])
    # Nine shifts of one pixel at most are equally likely; one of them is no shift.
    assert 0.05 < len(shifted & kept) / len(kept) < 0.2


def ramp(name: str, shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """64 copies of one image whose pixels are all different, and their augmentation."""
    image = np.arange(1, np.prod(shape) + 1).reshape(shape)
    info = DatasetInfo(name, shape, 1, ["any"], {})
    batches = tf.data.Dataset.from_tensors((np.stack([image] * 64), np.zeros(64, np.int64)))
    shifted = augmented(batches, info, seed=0)
    first, second = (as_arrays(shifted)[0] for _ in range(2))
    assert not np.array_equal(first, second), "every epoch must shift anew"
    return image, first


@pytest.mark.parametrize(
    ("name", "shape", "margin", "mirrors"),
    [
        ("digits", (8, 8, 1), 1, False),
        ("mnist", (28, 28, 1), 1, False),
        ("svhn_cropped", (32, 32, 3), 2, False),
        ("fashion_mnist", (28, 28, 1), 1, True),
        ("cifar10:3.0.2", (32, 32, 3), 2, True),
    ],
)
def test_augmentation_shifts_and_mirrors(name, shape, margin, mirrors):
    image, images = ramp(name, shape)
    padded = np.pad(image, ((margin, margin), (margin, margin), (0, 0)))
    height, width, _ = shape
    seen = set()
    for changed in images:
        for row in range(2 * margin + 1):
            for column in range(2 * margin + 1):
                window = padded[row : row + height, column : column + width]
                for mirrored, expected in ((False, window), (True, window[:, ::-1])):
                    if np.array_equal(changed, expected):
                        seen.add((row, column, mirrored))
    assert {mirrored for _, _, mirrored in seen} == ({False, True} if mirrors else {False})
    assert (
        {row for row, _, _ in seen}
        == {column for _, column, _ in seen}
        == set(range(2 * margin + 1))
    )
    found = sum(any(np.array_equal(a, b) for b in images[:i]) for i, a in enumerate(images))
    assert len(seen) == len(images) - found


def test_image_size_resizes(digits):
    (train, _, test), info = load("digits", image_size=(16, 12), augment=False)
    assert info.input_shape == (16, 12, 1)
    assert train.element_spec[0].shape == (None, 16, 12, 1)
    x, _ = as_arrays(test)
    assert x.shape == (360, 16, 12, 1) and x.dtype == np.uint8
    assert abs(x.mean() - digits[0][2][0].mean()) < 1


def test_too_large_for_memory_is_streamed(monkeypatch):
    monkeypatch.setattr(tfds_sets, "MEMORY_BYTES", 64 * 100)
    (train, _, _), _ = load("digits", augment=False)
    assert rows(as_arrays(train)[0]) == rows(epochs(augment=False)[0])


def test_as_arrays_keeps_what_uint8_cannot_hold():
    fractions = tf.data.Dataset.from_tensors((np.full((2, 1, 1, 1), 0.5, "float32"), [0, 1]))
    x, y = as_arrays(fractions)
    assert x.dtype == np.float32 and y.dtype == np.int64 and y.tolist() == [0, 1]
    with pytest.raises(ValueError, match="received an empty one"):
        as_arrays(fractions.take(0))


@pytest.mark.parametrize(
    ("available", "expected"),
    [
        (["train", "validation", "test"], ("train[:100%]", "validation", "test")),
        (["train", "test"], ("train[:90%]", "train[90%:100%]", "test")),
        (["train", "validation"], ("train[:90%]", "validation", "train[90%:100%]")),
        (["train"], ("train[:80%]", "train[80%:90%]", "train[90%:100%]")),
    ],
)
def test_missing_splits_come_from_training(available, expected):
    splits = tfds_sets.split_expressions("any", available)
    assert tuple(splits[split] for split in tfds_sets.SPLITS) == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "fashionmnist"}, "received 'fashionmnist'; did you mean 'fashion_mnist'?"),
        ({"name": "digit"}, "did you mean 'digits'?"),
        ({"name": "emnist/nothing"}, "received 'emnist/nothing'; did you mean 'emnist'?"),
        ({"name": "two words"}, "received 'two words'; did you mean"),
        ({"name": "/no/such/photos"}, "of images, .* '/no/such/photos', which is not there"),
        ({"name": __file__}, "received '.*test_classification.py', which is no folder; correct"),
        ({"batch_size": 0}, "batch_size of at least 1, received 0"),
        (
            {"name": "breast_cancer", "image_size": (8, 8)},
            "image_size=None for 'breast_cancer', whose examples are no images",
        ),
        ({"image_size": (8, 0)}, r"image_size=\(height, width\) in pixels, received \(8, 0\)"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message) as raised:
        load(**arguments)
    assert "\n" not in str(raised.value)


def test_unprepared_set_that_cannot_be_downloaded(monkeypatch, tmp_path):
    def fail(*_, **__):
        raise ConnectionError("no network")

    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", fail)
    with pytest.raises(
        FileNotFoundError, match="received ConnectionError; set TFDS_DATA_DIR"
    ) as raised:
        load("kmnist")
    assert "'kmnist'" in str(raised.value) and str(tmp_path) in str(raised.value)
    assert not any(tmp_path.iterdir())


class Photographs(tfds.core.GeneratorBasedBuilder):
    """Three photographs of two sizes, in a training split alone."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        features = {
            "image": tfds.features.Image(),
            "label": tfds.features.ClassLabel(names=["a", "b"]),
        }
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(features), supervised_keys=("image", "label")
        )

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        for index in range(30):
            image = np.full((10 + index % 2, 20, 3), index, np.uint8)
            yield index, {"image": image, "label": index % 2}


def test_images_of_several_sizes(monkeypatch, tmp_path):
    Photographs(data_dir=tmp_path).download_and_prepare()
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    with pytest.raises(ValueError, match=r"whose images differ; pass image_size=\(height, width\)"):
        load("photographs")
    pipelines, info = load("photographs", image_size=(5, 10), augment=False)
    assert info == (
        "photographs",
        (5, 10, 3),
        2,
        ["a", "b"],
        {"train": 24, "validation": 3, "test": 3},
    )
    values = [set(np.unique(as_arrays(pipeline)[0])) for pipeline in pipelines]
    assert [len(split) for split in values] == [24, 3, 3]
    assert set.union(*values) == set(range(30))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("omniglot", r"a split 'train', received 'omniglot' with \['small1', 'small2'\]"),
        ("bccd", "8-bit images with one label each, received 'bccd'"),
        ("glue/sst2", r"received 'glue/sst2' with the features \['idx', 'label', 'sentence'\]"),
    ],
)
def test_sets_of_another_kind(name, message):
    if not prepared(name):
        pytest.skip(f"{name} is not in TFDS_DATA_DIR")
    with pytest.raises(ValueError, match=message):
        load(name)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "shape", "trained_on", "first_label"),
    [
        ("fashion_mnist", (28, 28, 1), 60_000, "T-shirt/top"),
        pytest.param("cifar10", (32, 32, 3), None, "airplane", marks=pytest.mark.slow),
    ],
)
def test_real_sets(name, shape, trained_on, first_label):
    if not prepared(name):
        pytest.skip(f"{name} is not in TFDS_DATA_DIR")
    pipelines, info = load(name, batch_size=500, augment=False)
    assert info.input_shape == shape and info.classes == 10 and info.class_names[0] == first_label
    available = info.counts["train"] + info.counts["validation"]
    assert available == (trained_on or available) and info.counts["validation"] == available // 10
    splits = [as_arrays(pipeline) for pipeline in pipelines]
    assert [len(y) for _, y in splits] == list(info.counts.values())
    for x, y in splits:
        assert x.shape[1:] == shape and x.dtype == np.uint8 and (x.min(), x.max()) == (0, 255)
        assert set(y) == set(range(10))
    # The publishers' own sets hold a few images twice.
    train, validation, _ = (rows(x) for x, _ in splits)
    assert len(train & validation) < 0.002 * available
