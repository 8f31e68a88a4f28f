"""The figures of the session's README, of the networks that the lesson has trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from courses.s08_detection_and_segmentation import drawings
from courses.s08_detection_and_segmentation.evaluation import Pictures, answers
from thinkkeras import detection_plots, metric_plots, metrics
from thinkkeras.assignment import task_aligned
from thinkkeras.boxes import decode, locations
from thinkkeras.models.yolo_tiny import CELLS


def of_data(path: Path, batches: tf.data.Dataset, labels: Sequence[str]) -> None:
    """The first batch of a pipeline of `load_detection`, with what is true of it."""
    batch = next(iter(batches.as_numpy_iterator()))
    detection_plots.detection_sheet(
        batch["images"], batch["bounding_boxes"], labels, batch.get("masks"), path=path
    )


def of_detection(
    folder: Path,
    network: keras.Model,
    described: Mapping[str, Any],
    tested: Pictures,
    found: Sequence[Mapping[str, np.ndarray]],
    labels: Sequence[str],
) -> None:
    """Precision and recall, counts, predictions, suppression and assignment.

    Args:
        folder: Where the PNG files go.
        network: The detector.
        described: How its outputs become boxes.
        tested: The test images.
        found: Its answers to them, at all scores.
        labels: The classes' names.
    """
    drawings.intersection_over_union(folder / "intersection_over_union.png")
    drawings.roi_align(folder / "roi_align.png")
    threshold = described["score_threshold"]
    metric_plots.precision_recall_curves(
        tested.truths, found, labels, folder / "precision_recall.png", score=threshold
    )
    counts = metrics.counts(tested.truths, found, threshold)
    metric_plots.count_scatter(*counts, folder / "counting.png")
    shown = [sure(answer, threshold) for answer in found[:12]]
    detection_plots.detection_sheet(
        tested.images[:12],
        padded(shown),
        labels,
        titles=[
            f"{len(answer['boxes'])} found of {len(truth['boxes'])}"
            for answer, truth in zip(shown, tested.truths, strict=False)
        ],
        path=folder / "predictions.png",
    )
    index = telling(tested, found, threshold)
    image = tested.images[index]
    everything = dict(described) | {"iou_threshold": 1.0, "max_detections": 1000}
    before = answers(network, image[None], everything, threshold)[0]
    drawings.suppression(image, before, sure(found[index], threshold), folder / "suppression.png")
    cells = locations(image.shape[:2], described["strides"])
    numbers, scores = network(image[None].astype("float32"))[:2]
    truth = tested.truths[index]
    assigned = task_aligned(
        scores,
        decode(numbers, cells, CELLS),
        cells,
        truth["boxes"][None],
        truth["labels"][None].astype("float32"),
    )
    weights = keras.ops.convert_to_numpy(assigned.weights)[0]
    drawings.assignment(image, cells, weights, truth["boxes"], folder / "assignment.png")


def of_masks(
    folder: Path,
    classifier: keras.Model,
    network: keras.Model,
    described: Mapping[str, Any],
    tested: Pictures,
    found: Sequence[Mapping[str, np.ndarray]],
    maps: np.ndarray,
    labels: Sequence[str],
) -> None:
    """Four answers to one image, maps of classes, and how a mask is mixed.

    Args:
        folder: Where the PNG files go.
        classifier: Of quarters of images.
        network: The instance segmenter.
        described: How its outputs become boxes and masks.
        tested: The test images.
        found: Its answers to them, at all scores.
        maps: The semantic segmenter's class ids, (images, height, width).
        labels: The classes' names.
    """
    threshold = described["score_threshold"]
    index = telling(tested, found, threshold)
    image, answer = tested.images[index], sure(found[index], threshold)
    half = keras.ops.image.resize(image[None].astype("float32"), classifier.input_shape[1:3])
    probability = float(keras.ops.convert_to_numpy(classifier(half))[0, 0])
    drawings.four_tasks(image, probability, maps[index], answer, labels, folder / "four_tasks.png")
    assert tested.maps is not None
    drawings.semantic_maps(
        tested.images[:6], tested.maps[:6], maps[:6], labels, folder / "semantic_maps.png"
    )
    outputs = network(image[None].astype("float32"))
    _, scores, coefficients, prototypes = (keras.ops.convert_to_numpy(one)[0] for one in outputs)
    surest = answers(network, image[None], described, 0.0)[0]
    drawings.prototypes(
        image,
        prototypes,
        coefficients[scores.max(axis=-1).argmax()],
        surest["masks"][0],
        surest["boxes"][0],
        folder / "prototypes.png",
    )


def telling(tested: Pictures, found: Sequence[Mapping[str, np.ndarray]], threshold: float) -> int:
    """An image with 7 objects, or as near to that as there is, all counted where there is one."""
    true, counted = metrics.counts(tested.truths, found, threshold)
    return int(np.argmin(np.abs(true - 7) + 3 * np.abs(true - counted)))


def sure(answer: Mapping[str, np.ndarray], threshold: float) -> dict[str, np.ndarray]:
    """The detections of at least this score."""
    keep = answer["scores"] >= threshold
    return {name: array[keep] for name, array in answer.items()}


def padded(found: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Answers in arrays of one shape, as keras-cv has them; empty places are of class -1."""
    most = max(1, *(len(answer["boxes"]) for answer in found))
    batch = {
        "boxes": np.zeros((len(found), most, 4)),
        "classes": np.full((len(found), most), -1),
        "confidence": np.zeros((len(found), most)),
    }
    for place, answer in enumerate(found):
        count = len(answer["boxes"])
        for name, key in (("boxes", "boxes"), ("classes", "labels"), ("confidence", "scores")):
            batch[name][place, :count] = answer[key]
    return batch
