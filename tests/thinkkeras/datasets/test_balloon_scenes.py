"""The drawn scenes: the same from the same numbers, and masks that say what is seen."""

import numpy as np
import pytest
import tensorflow_datasets as tfds

from thinkkeras.datasets.builders.balloon_scenes import ScenesConfig
from thinkkeras.datasets.drawing import balloons
from thinkkeras.datasets.drawing.balloons import Balloon
from thinkkeras.datasets.drawing.paint import windows
from thinkkeras.datasets.drawing.scene import (
    VISIBLE_PIXELS,
    _instances,
    _seen,
    boxes,
    draw_scene,
    series,
)


@pytest.fixture(scope="module")
def scenes():
    return [draw_scene(0, index, (128, 160)) for index in range(120)]


def test_shapes_and_types(scenes):
    for image, instances in scenes:
        assert image.shape == (128, 160, 3) and image.dtype == np.uint8
        assert instances.shape == (128, 160) and instances.dtype == np.uint8


def test_a_scene_depends_on_its_numbers_alone(scenes):
    again = draw_scene(0, 7, (128, 160))
    np.testing.assert_array_equal(again.image, scenes[7].image)
    np.testing.assert_array_equal(again.instances, scenes[7].instances)
    assert len({scene.image.tobytes() for scene in scenes}) == 120
    assert not np.array_equal(draw_scene(1, 7, (128, 160)).image, scenes[7].image)


def test_scenes_are_varied(scenes):
    counts = [scene.instances.max() for scene in scenes]
    assert min(counts) == 0 and 9 <= max(counts) <= 12
    means = [scene.image.mean() for scene in scenes]
    assert np.std(means) > 30 and 70 < np.mean(means) < 170
    sides = np.concatenate([np.ptp(boxes(i).reshape(-1, 2, 2), axis=1) for _, i in scenes])
    assert sides.max() > 90 and np.percentile(sides, 10) < 16


def test_every_balloon_is_seen(scenes):
    for _, instances in scenes:
        counts = np.bincount(instances.ravel())[1:]
        assert (counts >= VISIBLE_PIXELS).all()


def test_boxes_are_tight(scenes):
    for _, instances in scenes:
        for number, (left, top, right, bottom) in enumerate(boxes(instances), start=1):
            mask = instances == number
            inside = mask[top:bottom, left:right]
            assert inside.sum() == mask.sum()
            assert inside[0].any() and inside[-1].any()
            assert inside[:, 0].any() and inside[:, -1].any()


def test_no_balloon_no_box():
    assert boxes(np.zeros((4, 4), np.uint8)).shape == (0, 4)


@pytest.mark.parametrize(("radius", "slender"), [(4.0, 1.0), (20.0, 0.8), (60.0, 0.9)])
def test_an_untapered_balloon_is_an_ellipse(radius, slender):
    shape = balloons.outline(Balloon(100.3, 90.7, radius, slender, taper=0, tilt=0))
    body = shape.alpha[: int(90.7 - shape.top + 0.9 * radius)]
    whole = np.pi * radius**2 * slender
    below = 0.0187 * whole  # of a circle, the part beyond 0.9 of its radius
    assert body.sum() == pytest.approx(whole - below, rel=0.03)


def test_the_mask_is_where_the_balloon_was_painted():
    shape = balloons.outline(Balloon(40, 45, 25, 0.85, taper=0.3, tilt=0.4))
    instances, _ = _instances([shape], (96, 96))
    for seed in range(30):
        dark, bright = np.zeros((96, 96, 3), np.float32), np.ones((96, 96, 3), np.float32)
        for canvas in (dark, bright):
            balloons.paint(np.random.default_rng(seed), canvas, shape, light=0.5)
        shines_through = (bright - dark).mean(axis=2)
        assert (instances[shines_through < 0.5] == 1).all()
        # Thin rubber lets through at most 45 % of what is behind it.
        assert shines_through[instances == 1].max() < 0.56


def test_what_is_in_front_hides_what_is_behind():
    behind = balloons.outline(Balloon(40, 40, 20, 0.9, taper=0, tilt=0))
    front = balloons.outline(Balloon(55, 40, 20, 0.9, taper=0, tilt=0))
    size = (80, 100)
    alone, (area, _) = _instances([behind, front], size)
    covered = np.zeros(size, bool)
    inside, cut = windows(size, front.alpha.shape, front.top, front.left)
    covered[inside] = front.alpha[cut] > 0.5
    np.testing.assert_array_equal(alone == 2, covered)
    only, _ = _instances([behind], size)
    np.testing.assert_array_equal(alone == 1, (only == 1) & ~covered)
    assert 0 < (alone == 1).sum() < area


def test_a_hidden_balloon_is_left_out():
    hidden = balloons.outline(Balloon(40, 40, 8, 0.9, taper=0, tilt=0))
    front = balloons.outline(Balloon(42, 40, 20, 0.9, taper=0, tilt=0))
    outside = balloons.outline(Balloon(-30, 40, 20, 0.9, taper=0, tilt=0))
    assert [id(layer) for layer in _seen([outside, hidden, front], (80, 80))] == [id(front)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-1, 0), "seed and an index of at least 0, received -1, 0"),
        ((0, 0, (16, 64)), r"size of at least \(32, 32\), received \(16, 64\)"),
        ((0, 0, (64, 64), 0), "between 1 and 255 balloons, received 0"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        draw_scene(*arguments)


def test_no_two_splits_share_scenes():
    taken = [series(seed, split) for seed in range(4) for split in ("train", "validation", "test")]
    assert len(set(taken)) == 12


def test_tfds_builder(tmp_path):
    config = ScenesConfig(name="few", size=(64, 96), examples=5, held_out=2, seed=3)
    builder = tfds.builder("balloon_scenes", config=config, data_dir=tmp_path)
    builder.download_and_prepare()
    assert {name: split.num_examples for name, split in builder.info.splits.items()} == {
        "train": 5,
        "validation": 2,
        "test": 4,
    }
    for split in ("train", "test"):
        for example in builder.as_dataset(split=split).as_numpy_iterator():
            index = int(example["image/filename"].decode()[-10:-4])
            scene = draw_scene(series(3, split), index, (64, 96))
            np.testing.assert_array_equal(example["image"], scene.image)
            objects = example["objects"]
            assert len(objects["mask"]) == scene.instances.max()
            for number, mask in enumerate(objects["mask"], start=1):
                np.testing.assert_array_equal(mask[..., 0], scene.instances == number)
            found = objects["bbox"][:, [1, 0, 3, 2]] * [96, 64, 96, 64]
            np.testing.assert_allclose(found, boxes(scene.instances), atol=1e-4)
