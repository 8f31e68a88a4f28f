"""What the session measures: the truths of a data set, and a Keras model's answers to its images.

A Keras model's outputs are read by the very code that reads them on the device, so that both are
judged alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from deploy.answers import LEAST_SCORE
from deploy.report import kilobytes, score
from deploy.runtime.detection import detections
from thinkkeras import metrics
from thinkkeras.models import describe

# Of which the best suppresses detections.
IOU_THRESHOLDS = (0.5, 0.55, 0.6, 0.65)


class Pictures(NamedTuple):
    """The images of a data set's split, with all that is true of them."""

    images: np.ndarray  # uint8 (images, height, width, 3)
    truths: list[dict[str, np.ndarray]]  # boxes, labels (and masks), as `thinkkeras.metrics` has it
    maps: np.ndarray | None  # class ids, int32 (images, height, width); None without masks


def gather(batches: tf.data.Dataset, masks: bool = True) -> Pictures:
    """Reads all of a pipeline of `load_detection`, without its masks where they are not wanted."""
    images, truths, maps = [], [], []
    for batch in batches.as_numpy_iterator():
        images.append(batch["images"].round().astype(np.uint8))
        if masks and "masks" in batch:
            maps.append(batch["segmentation"])
        found = batch["bounding_boxes"]
        for place in range(len(batch["images"])):
            here = found["classes"][place] >= 0
            truth = {
                "boxes": found["boxes"][place][here],
                "labels": found["classes"][place][here].astype(int),
            }
            if masks and "masks" in batch:
                truth["masks"] = batch["masks"][place][here].astype(bool)
            truths.append(truth)
    return Pictures(np.concatenate(images), truths, np.concatenate(maps) if maps else None)


def answers(
    model: keras.Model,
    images: np.ndarray,
    detector: Mapping[str, Any],
    score_threshold: float = LEAST_SCORE,
) -> list[dict[str, np.ndarray]]:
    """A Keras detector's answers, with boxes, scores, labels and perhaps masks.

    Args:
        model: With the outputs that `detector` names.
        images: Pixels in 0-255, `(images, height, width, 3)`.
        detector: How its outputs become boxes, as `deploy.export` takes it.
        score_threshold: The lowest score of a detection.
    """
    return read(predict(model, images), images.shape[1:3], detector, score_threshold)


def predict(model: keras.Model, images: np.ndarray) -> dict[str, np.ndarray]:
    """A Keras detector's outputs for images in 0-255, `(images, ...)` each, by their names."""
    outputs = model.predict(images, batch_size=8, verbose=0)
    return dict(zip(model.output_names, outputs, strict=True))


def read(
    outputs: Mapping[str, np.ndarray],
    size: tuple[int, int],
    detector: Mapping[str, Any],
    score_threshold: float = LEAST_SCORE,
) -> list[dict[str, np.ndarray]]:
    """The answers that outputs of images of the `size` (height, width) stand for: `answers`."""
    names = list(outputs)
    kinds = ("boxes", "scores", "coefficients", "prototypes")
    places = {kind: names.index(detector[kind]) for kind in kinds if kind in detector}
    return [
        detections(one, {**detector, **places}, size, size, score_threshold)
        for one in zip(*outputs.values(), strict=True)
    ]


def described(model: keras.Model, validated: Pictures) -> dict[str, Any]:
    """How the outputs of a detector become boxes, with both thresholds chosen on validation data.

    Suppression's gives the highest AP50; the score's balances precision and recall.
    """
    description = describe(model)
    boxes = {key: description[key] for key in description.keys() - {"coefficients", "prototypes"}}
    outputs, size = predict(model, validated.images), validated.images.shape[1:3]
    found = {
        threshold: read(outputs, size, boxes | {"iou_threshold": threshold})
        for threshold in IOU_THRESHOLDS
    }
    quality = ap50([str(label) for label in range(model.output_shape[1][-1])])
    best = max(found, key=lambda threshold: quality(validated.truths, found[threshold]))
    description["iou_threshold"] = best
    description["score_threshold"] = metrics.best_threshold(validated.truths, found[best])
    return description


def ap50(labels: Sequence[str], masks: bool = False) -> Callable[[Any, Any], float]:
    """COCO's average precision at an IoU of 0.5, of boxes or of masks, for `deploy.export`."""

    def measure(truths: Any, answers: Any) -> float:
        return metrics.average_precision(truths, answers, classes=labels, masks=masks)["AP50"]

    measure.__name__ = "mask_AP50" if masks else "box_AP50"
    return measure


def mean_iou(maps: np.ndarray, answers: Sequence[np.ndarray]) -> float:
    """Mean IoU of maps of class ids, for `deploy.export`."""
    found = np.stack(answers)
    # The highest class may be in the answers alone.
    return metrics.mean_iou(maps, found, int(max(maps.max(), found.max())) + 1)


def quarters(
    images: np.ndarray, truths: Sequence[Mapping[str, np.ndarray]], label: int
) -> tuple[np.ndarray, np.ndarray]:
    """The four quarters of each image, and whether an object of the class `label` is in each.

    It is in where at least half of its box lies; quarters that hold less than half of a box, but
    some of it, are left out: nobody would know what to say of them.

    Returns:
        `(quarters, height // 2, width // 2, 3)` of the images' dtype, and int64 `(quarters,)`,
        0 or 1.
    """
    height, width = images.shape[1] // 2, images.shape[2] // 2
    parts, present = [], []
    for image, truth in zip(images, truths, strict=True):
        boxes = truth["boxes"][truth["labels"] == label]
        areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
        for top, left in np.ndindex(2, 2):
            low = np.array([left * width, top * height])
            sides = np.minimum(boxes[:, 2:], low + (width, height)) - np.maximum(boxes[:, :2], low)
            fractions = np.prod(sides.clip(0), axis=1) / areas
            if fractions.max(initial=0) >= 0.5 or not fractions.any():
                parts.append(image[low[1] :, low[0] :][:height, :width])
                present.append(int(fractions.max(initial=0) >= 0.5))
    return np.stack(parts), np.array(present)


def most_uncertain_class(truths: Sequence[Mapping[str, np.ndarray]], classes: int) -> int:
    """The class that is in as many images as not, as nearly as any."""
    fractions = [np.mean([label in truth["labels"] for truth in truths]) for label in range(classes)]
    return int(np.argmin(np.abs(np.array(fractions) - 0.5)))


def mapped(batch: Mapping[str, Any]) -> tuple[tf.Tensor, tf.Tensor]:
    """A batch of `load_detection` as a semantic segmenter's `fit` takes it."""
    return batch["images"], batch["segmentation"]


def boxed(batch: Mapping[str, Any]) -> tuple[tf.Tensor, dict[str, Any]]:
    """A batch of `load_detection` as a detector's `fit` takes it."""
    return batch["images"], {"bounding_boxes": batch["bounding_boxes"]}


def masked(batch: Mapping[str, Any]) -> tuple[tf.Tensor, dict[str, Any]]:
    """A batch of `load_detection` as an instance segmenter's `fit` takes it."""
    images, targets = boxed(batch)
    return images, targets | {"masks": batch["masks"]}


def table_of_tasks(cards: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[list[str]]:
    """A row for each network on each target, the header first.

    Args:
        cards: Of the exported bundles, by the network's name.
    """
    rows = [["network", "target", "parameters", "metric", "Keras", "deployed", "model"]]
    rows[0] += ["latency on this CPU", "arena", "NPU cycles"]
    for network, some in cards.items():
        for card in some:
            memory, npu = card["memory"], card.get("npu")
            rows.append(
                [
                    network,
                    card["target"],
                    f"{card['params']:,}",
                    card["quality"]["metric"].replace("_", " "),
                    score(card["quality"], "keras"),
                    score(card["quality"], "deployed"),
                    kilobytes(card["size_bytes"]),
                    f"{card['latency_ms']['median']:.2f} ms",
                    kilobytes(memory["arena_bytes"]) if memory else "–",
                    f"{npu['cycles']:,}" if npu else "–",
                ]
            )
    return rows


def table_of_results(
    truths: Sequence[Mapping[str, np.ndarray]],
    found: Sequence[Mapping[str, np.ndarray]],
    labels: Sequence[str],
    threshold: float,
) -> list[list[str]]:
    """What the Keras networks reach on test data, a row each, the header first.

    Args:
        truths: Of the test images.
        found: The detections in them, at all scores.
        labels: The classes' names.
        threshold: The score that the detections to count reach, chosen on validation data.
    """
    rows = [["on test data, in Keras", ""]]
    for kind in ("boxes", "masks") if "masks" in truths[0] else ("boxes",):
        ap = metrics.average_precision(truths, found, classes=labels, masks=kind == "masks")
        rows += [
            [f"{name} of {kind}", f"{100 * ap[name]:.1f} %"] for name in ("AP50", "AP75", "AP")
        ]
        if len(labels) > 1:
            rows += [[f"AP50, {name}", f"{100 * one:.1f} %"] for name, one in ap["classes"].items()]
    counting = metrics.counting_error(truths, found, threshold)
    rows += [
        [f"pictures counted exactly, at scores from {threshold:.2f}", f"{counting['exact']:.1%}"],
        ["mean error of a count", f"{counting['mean_absolute_error']:.2f} objects"],
    ]
    return rows
