"""What the session measures, on scenes and images small enough to work out by hand."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest

import deploy
from courses.s08_detection_and_segmentation import experiments
from courses.s08_detection_and_segmentation.experiments import Recipe
from deploy.runtime.tasks import find_task
from thinkkeras.datasets import load_detection
from thinkkeras.models import decoding_config, yolact_tiny, yolo_tiny


def truth(boxes, labels):
    return {"boxes": np.float32(boxes).reshape(-1, 4), "labels": np.array(labels, int)}


@pytest.fixture(scope="module")
def scenes():
    (_, validation, _), info = load_detection(image_size=(64, 96), batch_size=4, masks=True)
    return validation.take(2), info


def test_gather_keeps_what_is_there(scenes):
    batches, _ = scenes
    gathered = experiments.gather(batches)
    images, ground_truth, maps = gathered
    assert images.shape == (8, 64, 96, 3) and images.dtype == np.uint8
    assert maps.shape == (8, 64, 96) and len(ground_truth) == 8
    first = next(iter(batches.as_numpy_iterator()))
    np.testing.assert_allclose(images[:4], first["images"], atol=0.51)
    np.testing.assert_array_equal(maps[:4], first["segmentation"])
    for place in range(4):
        count = (first["bounding_boxes"]["classes"][place] >= 0).sum()
        assert count < first["bounding_boxes"]["boxes"].shape[1]
        here = ground_truth[place]
        np.testing.assert_array_equal(
            here["boxes"], first["bounding_boxes"]["boxes"][place, :count]
        )
        np.testing.assert_array_equal(here["labels"], np.zeros(count, int))
        assert here["masks"].shape == (count, 64, 96) and here["masks"].dtype == bool
        np.testing.assert_array_equal(here["masks"], first["masks"][place, :count])
        # What is seen of an object lies in its box.
        np.testing.assert_array_equal(here["masks"].any(axis=0), maps[place] > 0)
    assert sum(len(one["boxes"]) for one in ground_truth[:4]) > 0


def test_gather_without_masks(scenes):
    gathered = experiments.gather(scenes[0], masks=False)
    assert gathered.label_maps is None
    assert all(sorted(one) == ["boxes", "labels"] for one in gathered.ground_truth)


def test_batches_as_fit_takes_them(scenes):
    batch = next(iter(scenes[0]))
    images, maps = experiments.with_label_maps(batch)
    assert images is batch["images"] and maps is batch["segmentation"]
    images, targets = experiments.with_boxes(batch)
    assert images is batch["images"] and list(targets) == ["bounding_boxes"]
    images, targets = experiments.with_masks(batch)
    assert images is batch["images"] and list(targets) == ["bounding_boxes", "masks"]
    assert targets["masks"] is batch["masks"]


@pytest.mark.parametrize(("masks", "count"), [(False, 33), (True, 2)])
def test_predictions_in_keras_are_those_of_the_device(masks, count):
    keras.utils.set_random_seed(0)
    model = yolo_tiny((64, 32, 3), 2, pyramid_filters=4)
    if masks:
        model = yolact_tiny((64, 32, 3), 2, detector=model, prototypes=3, prototype_filters=4)
    images = np.random.default_rng(0).integers(0, 256, (count, 64, 32, 3)).astype("uint8")
    description = decoding_config(model) | {"max_detections": 5}
    predictions = deploy.predict(model, images, task=description, score_threshold=0.001)
    assert len(predictions) == count
    outputs = [output[-1] for output in model.predict(images, verbose=0)]
    names = ("boxes", "scores", "coefficients", "prototypes")[: len(outputs)]
    positions = {name: position for position, name in enumerate(names)}
    card = {
        "task": description["task"],
        "inputs": [{"shape": [1, 64, 32, 3]}],
        "outputs": [{"shape": [1, *output.shape]} for output in outputs],
        "detector": description | positions,
    }
    expected = find_task(card["task"]).predict(card, outputs, (), (64, 32), 0.001)
    assert len(expected["boxes"]) == 5 and ("masks" in expected) == masks
    assert sorted(predictions[-1]) == sorted(expected)
    assert predictions[-1].pop("names") == expected.pop("names")
    for name, array in expected.items():
        np.testing.assert_allclose(predictions[-1][name], array, atol=1e-3)
    # Nothing of an untrained network is that sure.
    sure = deploy.predict(model, images[:1], task=description, score_threshold=0.9)
    assert len(sure[0]["boxes"]) == 0


def test_both_thresholds_are_chosen_on_validation_images(monkeypatch):
    model = yolact_tiny((64, 32, 3), 1, prototypes=3, prototype_filters=4)
    truths = [truth([[0, 0, 8, 8], [16, 16, 24, 24]], [0, 0])]
    asked = []

    def decode(outputs, description, size):
        asked.append(description)
        assert list(outputs) == model.output_names and size == (64, 32)
        # At 0.6 both are found, and one too many at a lower score; else one alone.
        places = [0, 1, 1] if description["iou_threshold"] == 0.6 else [0]
        found = {name: array[places] for name, array in truths[0].items()}
        return [found | {"scores": np.array([0.9, 0.7, 0.2])[: len(places)]}]

    monkeypatch.setattr(experiments.deploy, "decode", decode, raising=False)
    images = np.zeros((1, 64, 32, 3), "uint8")
    description = experiments.describe_with_thresholds(
        model, experiments.Examples(images, truths, None)
    )
    assert [one["iou_threshold"] for one in asked] == [0.5, 0.55, 0.6, 0.65]
    # Masks would be drawn for nothing.
    assert not {"coefficients", "prototypes"} & asked[0].keys()
    assert description["coefficients"] == "coefficients"
    assert description["iou_threshold"] == 0.6 and 0.2 < description["score_threshold"] <= 0.7


def test_quarters_by_hand():
    image = np.arange(8 * 12 * 3).reshape(8, 12, 3).astype("uint8")
    # Quarters of 4 x 6 pixels: one whole in the first, one half in both lower ones.
    both = truth([[1, 1, 4, 3], [4, 5, 8, 7]], [0, 0])
    parts, present = experiments.quarters(np.stack([image]), [both], 0)
    np.testing.assert_array_equal(present, [1, 0, 1, 1])
    assert parts.dtype == np.uint8
    corners = [image[:4, :6], image[:4, 6:], image[4:, :6], image[4:, 6:]]
    np.testing.assert_array_equal(parts, corners)
    # An eighth of the box in both upper ones, three eighths in the others: nobody can say.
    unclear = truth([[5, 3, 7, 7]], [0])
    parts, present = experiments.quarters(np.stack([image, 255 - image]), [unclear, both], 0)
    np.testing.assert_array_equal(present, [1, 0, 1, 1])
    np.testing.assert_array_equal(parts, 255 - np.array(corners))


def test_quarters_leave_out_the_doubtful_ones_alone():
    image = np.arange(8 * 12 * 3).reshape(8, 12, 3).astype("uint8")
    # 3/4 of the box at the upper left, 1/4 at the upper right.
    one = truth([[3, 0, 7, 2]], [0])
    parts, present = experiments.quarters(np.stack([image]), [one], 0)
    np.testing.assert_array_equal(present, [1, 0, 0])
    np.testing.assert_array_equal(parts, [image[:4, :6], image[4:, :6], image[4:, 6:]])
    # Another one there makes it clear; one of another class does not count.
    two = truth([[3, 0, 7, 2], [8, 0, 10, 2], [2, 5, 4, 7]], [0, 0, 1])
    _, present = experiments.quarters(np.stack([image]), [two], 0)
    np.testing.assert_array_equal(present, [1, 1, 0, 0])
    _, present = experiments.quarters(np.stack([image, image]), [two, truth([], [])], 1)
    np.testing.assert_array_equal(present, [0, 0, 1, 0, 0, 0, 0, 0])


def test_most_uncertain_class():
    labels = [[0, 0, 1], [0, 2], [0, 1], [0]]
    truths = [truth(np.zeros((len(one), 4)), one) for one in labels]
    # In 4, 2, 1 and 0 of 4 images.
    assert experiments.most_uncertain_class(truths, 4) == 1
    assert experiments.most_uncertain_class([truths[1], truths[3]], 3) == 2


def test_average_precision_for_export():
    truths = [truth([[0, 0, 8, 8], [8, 8, 16, 16]], [0, 1])]
    found = [truths[0] | {"scores": np.array([0.9, 0.8])}]
    boxes, masks = experiments.ap50(["a", "b"]), experiments.ap50(["a", "b"], masks=True)
    assert (boxes.__name__, masks.__name__) == ("box_AP50", "mask_AP50")
    assert boxes(truths, found) == pytest.approx(1)
    found[0]["labels"] = np.array([0, 0])
    assert boxes(truths, found) == pytest.approx(0.5)


def test_mean_iou_for_export():
    maps = np.array([[[0, 0], [1, 2]]])
    answers = [np.array([[0, 1], [1, 2]])]
    assert experiments.mean_iou(maps, answers) == pytest.approx((1 / 2 + 1 / 2 + 1) / 3)
    # A class that is in the answers alone is wrong there, too.
    assert experiments.mean_iou(np.zeros((1, 1, 2), int), [np.array([[0, 3]])]) == 1 / 4


def test_table_of_results():
    truths = [truth([[0, 0, 8, 8], [8, 8, 16, 16]], [0, 1]), truth([[0, 0, 8, 8]], [0])]
    found = [one | {"scores": np.full(len(one["boxes"]), 0.9)} for one in truths]
    found[1] = {name: np.repeat(array, 2, axis=0) for name, array in found[1].items()}
    found[1]["scores"] = np.array([0.9, 0.3])
    rows = dict(experiments.result_table(truths, found, ["a", "b"], 0.5)[1:])
    assert rows["AP50 of boxes"] == rows["AP50, b"] == "100.0 %"
    assert rows["pictures counted exactly, at scores from 0.50"] == "100.0%"
    rows = dict(experiments.result_table(truths, found, ["a", "b"], 0.2)[1:])
    assert rows["pictures counted exactly, at scores from 0.20"] == "50.0%"
    assert rows["mean error of a count"] == "0.50 objects"


def test_epochs_of_a_recipe_and_of_images_seen():
    planned = Recipe((320, 320), 1e-3, epochs={"classifier": 20, "semantic": 80})
    assert experiments.epochs_by_network(planned, 61, None) == planned.epochs
    assert experiments.epochs_by_network(planned, 61, 2) == {"classifier": 2, "semantic": 2}
    seen = Recipe((320, 416), 4e-3, images_seen={"classifier": 2_000, "detector": 28_000})
    assert experiments.epochs_by_network(seen, 205, None) == {"classifier": 10, "detector": 137}
    assert experiments.epochs_by_network(seen, 205, 1) == {"classifier": 1, "detector": 1}


def test_scenes_are_learned_once(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(experiments.subprocess, "run", lambda command, check: calls.append(command))
    settings = SimpleNamespace(out=tmp_path, seed=7, epochs=2)
    folder = experiments.scenes_first(settings)
    assert folder == tmp_path / "scenes"
    assert calls[0][1:5] == ["-m", "courses", "run", "s08"]
    options = dict(zip(calls[0][5::2], calls[0][6::2], strict=True))
    expected = {"--out": str(folder), "--target": "cpu", "--seed": "7", "--epochs": "2"}
    assert options == expected
    folder.mkdir()
    (folder / "metrics.json").write_text('{"seed": 7, "asked_epochs": 2}')
    assert experiments.scenes_first(settings) == folder and len(calls) == 1
    # Scenes of a short run are no beginning for a full one.
    assert experiments.scenes_first(SimpleNamespace(out=tmp_path, seed=7, epochs=None)) == folder
    assert len(calls) == 2 and "--epochs" not in calls[1]
