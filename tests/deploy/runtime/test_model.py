"""Examples in, predictions out: arrays, images, files, batches, thresholds."""

import json

import numpy as np
import pytest
from PIL import Image

from deploy import DeployError, runtime
from deploy.runtime.boxes.non_max_suppression import intersection_over_union


def test_arrays_batches_and_images_give_the_same(bundle, digits, digit):
    model, (path, truth) = runtime.load(bundle), digit
    one = model.predict(digits.test[0][0])
    batch = model.predict(digits.test[0][:3])
    assert one["label"] == str(truth) and one["index"] == truth
    assert one["probabilities"].shape == (10,)
    assert isinstance(batch, list) and len(batch) == 3
    assert np.array_equal(batch[0]["probabilities"], one["probabilities"])
    for image in (path, str(path), Image.open(path)):
        assert model.predict(image)["label"] == str(truth)


@pytest.mark.parametrize("form", [(), (1,), (3,)])
def test_a_cameras_array_is_resized(form, bundle, digits):
    large = np.kron(digits.test[0][0, ..., 0], np.ones((4, 4), "uint8"))
    frame = np.broadcast_to(large.reshape(32, 32, *[1] * len(form)), (32, 32, *form))
    prediction = runtime.load(bundle).predict(frame)
    assert prediction["index"] == digits.test[1][0]


def test_a_bare_file_gives_its_outputs(bundle, digits):
    model = runtime.load(bundle / "model.tflite")
    assert model.labels == []
    (output,) = model.predict(digits.test[0][0])["outputs"].values()
    np.testing.assert_array_equal(
        output, runtime.load(bundle).predict(digits.test[0][0])["probabilities"]
    )


@pytest.mark.parametrize("shape", [(8, 8), (9, 8, 1), (2, 2, 8, 8, 1), (0, 8, 8, 1)])
def test_an_array_of_another_shape_is_refused(shape, bundle):
    with pytest.raises(DeployError, match="expected"):
        runtime.load(bundle).predict(np.zeros(shape))


def test_what_the_model_says_of_its_tensors_counts(copy, digits):
    expected = runtime.load(copy).predict(digits.test[0][0])["probabilities"]
    card = json.loads((copy / "card.json").read_text("utf-8"))
    entry = {"name": "image", "scale": 3.0, "dtype": "bogus", "shape": "none"}
    card["inputs"][0] |= entry
    (copy / "card.json").write_text(json.dumps(card), "utf-8")
    received = runtime.load(copy).predict(digits.test[0][0])["probabilities"]
    np.testing.assert_array_equal(received, expected)


def found_boxes(prediction, expected, zoom=(1, 1)):
    """The boxes of red and green, each of which must be there once."""
    assert sorted(prediction["names"]) == ["green", "red"]
    boxes = prediction["boxes"][np.argsort(prediction["labels"])]
    true = expected["boxes"] * np.array([*zoom, *zoom])
    overlap = intersection_over_union(boxes, true.astype("float32")).diagonal()
    assert overlap.min() > 0.75


@pytest.mark.parametrize("task", ["detection", "instance_segmentation"])
def test_boxes_are_in_pixels_of_the_image_given(task, squares, scenes):
    model, (x, ground_truth) = runtime.load(squares(task, "cpu-float")), scenes
    batch = model.predict(x[1:4].astype("float32"))
    assert isinstance(batch, list) and len(batch) == 3
    for image, expected, of_batch in zip(x[1:4], ground_truth[1:4], batch, strict=True):
        alone = model.predict(image)
        for key in ("boxes", "scores", "labels"):
            np.testing.assert_array_equal(alone[key], of_batch[key])
        found_boxes(alone, expected)
        # No square, and another size than the model's.
        wide = Image.fromarray(image).resize((192, 128), Image.Resampling.NEAREST)
        for form in (wide, np.asarray(wide)):
            prediction = model.predict(form)
            found_boxes(prediction, expected, (3, 2))
            assert (np.diff(prediction["scores"]) <= 0).all() and prediction[
                "scores"
            ].dtype == "float32"
            if task == "instance_segmentation":
                assert (
                    prediction["masks"].shape == (2, 128, 192) and prediction["masks"].dtype == bool
                )
        assert ("masks" in alone) == (task == "instance_segmentation")


def test_masks_are_the_squares_at_the_images_size(squares, scenes):
    model, (x, ground_truth) = runtime.load(squares("instance_segmentation", "cpu-float")), scenes
    for image, expected in zip(x[1:], ground_truth[1:], strict=True):
        wide = Image.fromarray(image).resize((192, 128), Image.Resampling.NEAREST)
        prediction = model.predict(wide)
        for label, mask in zip(prediction["labels"], prediction["masks"], strict=True):
            left, top, right, bottom = (expected["boxes"][label] * [3, 2, 3, 2]).astype(int)
            square = np.zeros((128, 192), bool)
            square[top:bottom, left:right] = True
            assert (mask & square).sum() / (mask | square).sum() > 0.8


def test_a_label_map_has_the_images_size(squares, scenes):
    model, (x, ground_truth) = runtime.load(squares("semantic_segmentation", "cpu-float")), scenes
    for image, expected in zip(x[1:], ground_truth[1:], strict=True):
        tall = Image.fromarray(image).resize((64, 192), Image.Resampling.NEAREST)
        prediction = model.predict(tall)
        assert prediction.shape == (192, 64) and prediction.dtype == np.uint8
        square = np.zeros((192, 64), "uint8")
        for label, box in enumerate(expected["boxes"]):
            left, top, right, bottom = (box * [1, 3, 1, 3]).astype(int)
            square[top:bottom, left:right] = label + 1
        assert (prediction == square).mean() > 0.95
        assert model.predict(image).shape == (64, 64)


def test_another_threshold(squares, scenes):
    model = runtime.load(squares("detection", "cpu-float"))
    usual, low = (model.predict(scenes[0][1], threshold) for threshold in (None, 0.0))
    assert len(usual["scores"]) == 2 < len(low["scores"])
    assert low["scores"].min() < 0.4 < usual["scores"].min()
    assert len(model.predict(scenes[0][1], score_threshold=1.0)["names"]) == 0
    for threshold in (-0.1, 1.5, float("nan")):
        with pytest.raises(DeployError, match="a score threshold from 0 to 1, received"):
            model.predict(scenes[0][1], threshold)
    with pytest.raises(DeployError, match="expected a detector for a score threshold"):
        runtime.load(squares("semantic_segmentation", "cpu-float")).predict(scenes[0][1], 0.5)
