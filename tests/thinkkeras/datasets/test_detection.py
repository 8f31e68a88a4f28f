"""Detection pipelines: keras-cv's format, splits, order, and boxes that follow the pixels."""

import os
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

import thinkkeras.datasets.tfds as tfds_sets
from thinkkeras.datasets import augmentation, load_detection

SMALL = {"image_size": (96, 128), "batch_size": 8, "examples": 20, "masks": True}


def prepared(name: str) -> bool:
    return (Path(os.environ.get("TFDS_DATA_DIR", "")) / name).is_dir()


def batches(pipeline) -> list[dict]:
    return list(pipeline.as_numpy_iterator())


def tight(mask: np.ndarray) -> list[int]:
    """The smallest box around a mask, xyxy."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]


@pytest.fixture(scope="module")
def scenes():
    pipelines, info = load_detection(augment=False, **SMALL)
    train, validation, test = pipelines
    return [batches(train), batches(validation), batches(test)], info


def images(split: list[dict]) -> dict[bytes, np.ndarray]:
    """Each image's boxes, by its pixels."""
    found = {}
    for batch in split:
        for image, boxes in zip(batch["images"], batch["bounding_boxes"]["boxes"], strict=True):
            found[image.tobytes()] = boxes
    return found


def test_info(scenes):
    _, info = scenes
    counts = {"train": 20, "validation": 100, "test": 200}
    assert info == ("balloon_scenes", ["balloon"], counts, (96, 128), 12)


def test_format(scenes):
    splits, info = scenes
    for split, count in zip(splits, info.counts.values(), strict=True):
        assert sum(len(batch["images"]) for batch in split) == count
    batch = splits[0][0]
    boxes, classes = (batch["bounding_boxes"][key] for key in ("boxes", "classes"))
    assert batch["images"].shape == (8, 96, 128, 3) and batch["images"].dtype == np.float32
    assert 200 < batch["images"].max() <= 255 and batch["images"].min() >= 0
    assert boxes.shape == (8, 12, 4) and boxes.dtype == np.float32
    assert classes.shape == (8, 12) and classes.dtype == np.float32
    assert batch["masks"].shape == (8, 12, 96, 128) and batch["masks"].dtype == np.uint8
    assert batch["segmentation"].shape == (8, 96, 128) and batch["segmentation"].dtype == np.int32


def test_the_specification_is_static_but_for_the_batch():
    (train, _, _), _ = load_detection(**SMALL)
    spec = train.element_spec
    assert spec["images"].shape == (None, 96, 128, 3)
    assert spec["bounding_boxes"]["boxes"].shape == (None, 12, 4)
    assert spec["bounding_boxes"]["classes"].shape == (None, 12)
    assert spec["masks"].shape == (None, 12, 96, 128)
    (train, _, _), _ = load_detection(augment=False, **SMALL | {"masks": False})
    assert set(train.element_spec) == {"images", "bounding_boxes"}


def test_empty_places_come_last(scenes):
    for batch in (batch for split in scenes[0] for batch in split):
        boxes, classes = (batch["bounding_boxes"][key] for key in ("boxes", "classes"))
        empty = classes == -1
        assert (np.diff(empty.astype(int), axis=1) >= 0).all()
        assert (boxes[empty] == -1).all() and (classes[~empty] == 0).all()
        assert batch["masks"][empty].sum() == 0


def test_masks_boxes_and_segmentation_agree(scenes):
    found = 0
    for batch in (batch for split in scenes[0] for batch in split):
        assert batch["masks"].sum(axis=1).max() <= 1, "visible masks do not overlap"
        np.testing.assert_array_equal(batch["masks"].any(axis=1), batch["segmentation"] == 1)
        for index, place in np.argwhere(batch["bounding_boxes"]["classes"] == 0):
            box = batch["bounding_boxes"]["boxes"][index, place]
            assert box.tolist() == tight(batch["masks"][index, place])
            found += 1
    assert found > 1000


@pytest.mark.slow
def test_splits_are_disjoint_and_do_not_depend_on_seed_or_number(scenes):
    train, validation, test = (images(split) for split in scenes[0])
    assert len(train) == 20 and len(validation) == 100 and len(test) == 200
    assert not train.keys() & (validation.keys() | test.keys())
    assert not validation.keys() & test.keys()
    more, info = load_detection(augment=False, seed=5, **SMALL | {"examples": 30})
    assert info.counts["train"] == 30
    more = [images(batches(pipeline)) for pipeline in more]
    assert train.keys() < more[0].keys() and len(more[0]) == 30
    assert list(validation) == list(more[1]) and list(test) == list(more[2])


@pytest.mark.slow
@pytest.mark.parametrize("augment", [False, True])
def test_seed_decides_every_epoch(augment):
    def epochs(seed):
        (train, _, _), _ = load_detection(augment=augment, seed=seed, **SMALL)
        return [np.concatenate([batch["images"] for batch in train]) for _ in range(2)]

    first, again = epochs(3), epochs(3)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first[0], first[1])
    assert not np.array_equal(first[0], epochs(4)[0])


@pytest.mark.slow
def test_an_epoch_broken_off_does_not_change_the_next():
    (train, _, _), _ = load_detection(seed=3, **SMALL)
    next(iter(train))
    (again, _, _), _ = load_detection(seed=3, **SMALL)
    batches(again)
    np.testing.assert_array_equal(batches(train)[2]["images"], batches(again)[2]["images"])


def test_augmentation_leaves_the_global_generator_alone():
    generator = tf.random.get_global_generator()
    load_detection(**SMALL)
    assert tf.random.get_global_generator() is generator


def test_mixed_precision_leaves_the_data_alone():
    exact = batches(load_detection(**SMALL)[0][0])
    policy = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy("mixed_float16")
    try:
        mixed = batches(load_detection(**SMALL)[0][0])
    finally:
        keras.mixed_precision.set_dtype_policy(policy)
    for one, other in zip(exact, mixed, strict=True):
        np.testing.assert_array_equal(one["images"], other["images"])
        for key in ("boxes", "classes"):
            np.testing.assert_array_equal(one["bounding_boxes"][key], other["bounding_boxes"][key])


def test_boxes_follow_the_masks(scenes):
    (train, _, _), info = load_detection(**SMALL | {"examples": 60})
    height, width = info.image_size
    inside, changed = 0, 0
    for batch in batches(train):
        np.testing.assert_array_equal(batch["masks"].any(axis=1) <= (batch["segmentation"] == 1), 1)
        for index, place in np.argwhere(batch["bounding_boxes"]["classes"] == 0):
            box = batch["bounding_boxes"]["boxes"][index, place]
            seen = tight(batch["masks"][index, place])
            # Nearest neighbours round to whole pixels of an image that was enlarged.
            assert (seen[:2] >= box[:2] - 2).all() and (seen[2:] <= box[2:] + 2).all()
            if min(box[:2]) > 0 and box[2] < width and box[3] < height:
                assert np.abs(box - seen).max() <= 2
                inside += 1
        changed += len(images([batch]).keys() - images(scenes[0][0]).keys())
    assert inside > 100 and changed == 60


def squares(count: int = 64) -> dict[str, np.ndarray]:
    """A batch of the same black image with two white squares, two empty places around."""
    image, instances = np.zeros((96, 128, 3), np.uint8), np.zeros((96, 128), np.uint8)
    boxes = np.full((4, 4), -1, np.float32)
    for place, (left, top, right, bottom) in ((1, (4, 20, 24, 60)), (2, (80, 30, 110, 80))):
        image[top:bottom, left:right] = 255
        instances[top:bottom, left:right] = place + 1
        boxes[place] = left, top, right, bottom
    example = {
        "images": image,
        "boxes": boxes,
        "classes": np.array([-1, 5, 7, -1], np.float32),
        "instances": instances,
    }
    return {key: np.stack([value] * count) for key, value in example.items()}


@pytest.mark.parametrize("masks", [False, True])
def test_boxes_follow_the_pixels(masks):
    one = tf.data.Dataset.from_tensors(squares())
    moved = augmentation.augmented_with_boxes(one, (96, 128), smallest=2, seed=0, masks=masks)
    (batch,) = batches(moved)
    scales, mirrored, dropped = [], 0, 0
    for image, boxes, classes, instances in zip(
        *(batch[key] for key in ("images", "boxes", "classes", "instances")), strict=True
    ):
        assert (classes[[0, 3]] == -1).all() and set(classes[1:3]) <= {5, 7, -1}
        dropped += (classes[1:3] == -1).sum()
        covered = np.zeros((96, 128), bool)
        for place in np.flatnonzero(classes >= 0):
            left, top, right, bottom = np.rint(boxes[place]).astype(int)
            covered[top:bottom, left:right] = True
            if masks:
                assert np.abs(boxes[place] - tight(instances == place + 1)).max() <= 1
            if right < 128 and bottom < 96 and left > 0 and top > 0:
                scales.append((bottom - top) / (40 if place == 1 else 50))
        bright = image.mean(axis=2) > 127
        assert (bright != covered).mean() < 0.02
        if (classes[1:3] >= 0).all():
            mirrored += boxes[1, 0] > boxes[2, 0]
    assert min(scales) < 0.8 and max(scales) > 1.3 and 20 <= mirrored <= 40 and dropped > 0


class Rectangles(tfds.core.GeneratorBasedBuilder):
    """Grey images of two sizes with names of their own for everything, training alone."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        one = {
            "where": tfds.features.BBoxFeature(),
            "type": tfds.features.ClassLabel(names=["a", "b"]),
            "pose": tfds.features.ClassLabel(names=["upright"]),
            "is_crowd": tfds.features.Scalar(np.bool_),
        }
        features = {
            "picture": tfds.features.Image(shape=(None, None, 1)),
            "things": tfds.features.Sequence(one),
        }
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        def thing(top, left, bottom, right, kind, crowd=False):
            box = tfds.features.BBox(top, left, bottom, right)
            return {"where": box, "type": kind, "pose": "upright", "is_crowd": crowd}

        for index in range(20):
            things = [
                thing(0.5, 0.5, 0.5, 0.75, "a"),  # no height
                thing(0.25, 0.5, 0.75, 1.0, "b"),
                thing(0.0, 0.0, 1.0, 1.0, "a", crowd=True),
                thing(0.0, 0.0, 0.5, 0.25, "a"),
            ]
            image = np.full((50 + index % 2, 100, 1), 10 * index, np.uint8)
            yield index, {"picture": image, "things": things[: 4 * (index % 5 > 0)]}


def test_any_set_with_boxes(monkeypatch, tmp_path):
    Rectangles(data_dir=tmp_path).download_and_prepare()
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    pipelines, info = load_detection("rectangles", image_size=(64, 96), augment=False)
    counts = {"train": 16, "validation": 2, "test": 2}
    assert info == ("rectangles", ["a", "b"], counts, (64, 96), 4)
    found = [batch for pipeline in pipelines for batch in batches(pipeline)]
    shades = np.concatenate([batch["images"][:, 0, 0, 0] for batch in found])
    assert sorted(shades) == list(range(0, 200, 10))
    boxes = np.concatenate([batch["bounding_boxes"]["boxes"] for batch in found])
    classes = np.concatenate([batch["bounding_boxes"]["classes"] for batch in found])
    empty = shades // 10 % 5 == 0
    assert (classes[empty] == -1).all()
    assert (classes[~empty] == [1, 0, -1, -1]).all()
    assert (boxes[~empty] == [[48, 16, 96, 48], [0, 0, 24, 32], [-1] * 4, [-1] * 4]).all()
    few, info = load_detection("rectangles", image_size=(64, 96), examples=7)
    assert info.counts == {"train": 7, "validation": 2, "test": 2}
    assert sum(len(batch["images"]) for batch in batches(few[0])) == 7
    with pytest.raises(ValueError, match="a mask for each object, received 'rectangles' with"):
        load_detection("rectangles", masks=True)


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("voc/2007", ("image", "objects", "bbox", "label")),
        ("coco/2017", ("image", "objects", "bbox", "label")),
        ("kitti", ("image", "objects", "bbox", "type")),
        ("open_images_v4", ("image", "bobjects", "bbox", "label")),
    ],
)
def test_sets_of_tfds(name, keys, tmp_path):
    builder = tfds.builder(name, data_dir=tmp_path, try_gcs=False)
    assert tfds_sets.find_keys(name, builder.info.features) == keys


def test_too_large_for_memory_is_drawn_again(monkeypatch, scenes):
    monkeypatch.setattr(tfds_sets, "MEMORY_BYTES", 96 * 128 * 4 * 10)
    (train, _, _), _ = load_detection(augment=False, **SMALL)
    assert images(batches(train)).keys() == images(scenes[0][0]).keys()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "balloons"}, "received 'balloons'; did you mean 'balloon'?"),
        ({"name": "bcd"}, "expected 'balloon_scenes', or .* did you mean 'bccd'?"),
        ({"batch_size": 0}, "batch_size of at least 1, received 0"),
        ({"examples": 0}, "examples of at least 1, received 0"),
        ({"image_size": (16, 64)}, r"at least 32 pixels each, received \(16, 64\)"),
        ({"image_size": (64,)}, r"at least 32 pixels each, received \(64,\)"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message) as raised:
        load_detection(**arguments)
    assert "\n" not in str(raised.value)


def test_a_set_without_boxes():
    if not prepared("glue/sst2"):
        pytest.skip("glue/sst2 is not in TFDS_DATA_DIR")
    with pytest.raises(ValueError, match="images with boxes and classes, received 'glue/sst2'"):
        load_detection("glue/sst2")


@pytest.fixture(scope="module")
def blood_cells():
    if not prepared("bccd"):
        pytest.skip("bccd is not in TFDS_DATA_DIR")
    pipelines, info = load_detection("bccd", augment=False)
    return [batches(pipeline) for pipeline in pipelines], info


def test_blood_cells(blood_cells):
    splits, info = blood_cells
    assert info.counts == {"train": 205, "validation": 87, "test": 72}
    assert info.class_names == ["RBC", "WBC", "Platelets"] and info.max_boxes == 30
    assert [sum(len(batch["images"]) for batch in split) for split in splits] == [205, 87, 72]
    found = [np.zeros(3, int) for _ in splits]
    for split, counts in zip(splits, found, strict=True):
        for batch in split:
            classes = batch["bounding_boxes"]["classes"].astype(int)
            counts += np.bincount(classes[classes >= 0], minlength=3)
    assert np.stack(found).tolist() == [[2381, 214, 209], [967, 87, 83], [805, 71, 69]]


def test_blood_cells_without_an_area_are_gone(blood_cells):
    splits, _ = blood_cells
    builder = tfds_sets.prepared_builder("bccd", offline=["balloon_scenes"])
    raw = sum(
        len(example["objects"]["bbox"])
        for split in ("train", "validation", "test")
        for example in builder.as_dataset(split=split).as_numpy_iterator()
    )
    kept = 0
    for batch in (batch for split in splits for batch in split):
        boxes = batch["bounding_boxes"]["boxes"][batch["bounding_boxes"]["classes"] >= 0]
        assert (boxes[:, 2:] - boxes[:, :2] >= 2).all()
        assert boxes.min() >= 0 and boxes.max() <= 256
        kept += len(boxes)
    assert raw - kept == 2
