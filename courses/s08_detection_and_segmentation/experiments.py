"""What session 8 trains and measures: recipes, the ground truth of a data set's images, thresholds,
metrics, and tables, rows of text with the header first."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

import deploy
from courses.settings import Settings
from deploy.measure.formatting import kilobytes, score
from thinkkeras import metrics
from thinkkeras.models import decoding_config

# Non-maximum suppression takes the best of these.
IOU_THRESHOLDS = (0.5, 0.55, 0.6, 0.65)


class Recipe(NamedTuple):
    """How the networks learn on a data set, for so many epochs or so many images each."""

    image_size: tuple[int, int]
    learning_rate: float  # the highest
    epochs: Mapping[str, int] = {}  # of each network
    images_seen: Mapping[str, int] = {}  # by each network, all there are and some again
    augment: bool = True
    masks: bool = True
    examples: int | None = None  # training images; None: all there are
    scenes_first: bool = False


def epochs_by_network(recipe: Recipe, examples: int, epochs: int | None) -> dict[str, int]:
    """Of each network: `epochs`, or where that is None those of the recipe.

    Args:
        recipe: the data set's.
        examples: training images.
        epochs: the number asked for.
    """
    chosen = recipe.epochs or {
        name: -(-images // examples) for name, images in recipe.images_seen.items()
    }
    return {name: epochs or count for name, count in chosen.items()}


def scenes_first(settings: Settings) -> Path:
    """The folder of a run on scenes, whose networks the photographs' begin with: `OUT/scenes`,
    made there unless an earlier run with this seed and as many epochs has.

    Raises:
        subprocess.CalledProcessError: That run failed.
    """
    folder = settings.out / "scenes"
    asked = {"seed": settings.seed, "asked_epochs": settings.epochs}
    record = folder / "metrics.json"
    done = json.loads(record.read_text("utf-8")) if record.exists() else {}
    if {key: done.get(key, "none") for key in asked} != asked:
        print(f"first the lesson on drawn scenes, kept in {folder}", flush=True)
        command = [sys.executable, "-m", "courses", "run", "s08", "--out", str(folder)]
        command += ["--target", "cpu", "--seed", str(settings.seed)]
        command += ["--epochs", str(settings.epochs)] if settings.epochs else []
        subprocess.run(command, check=True)
    return folder


class Examples(NamedTuple):
    """The images of a data set's split, with their ground truth."""

    images: np.ndarray  # uint8 (images, height, width, 3)
    ground_truth: list[dict[str, np.ndarray]]  # of each image, as `thinkkeras.metrics` has it
    label_maps: np.ndarray | None  # class ids, int32 (images, height, width); None without masks


def gather(batches: tf.data.Dataset, masks: bool = True) -> Examples:
    """Reads all of a pipeline of `load_detection`, without its masks where they are not wanted."""
    images, ground_truth, label_maps = [], [], []
    for batch in batches.as_numpy_iterator():
        images.append(batch["images"].round().astype(np.uint8))
        if masks and "masks" in batch:
            label_maps.append(batch["segmentation"])
        padded = batch["bounding_boxes"]
        for place in range(len(batch["images"])):
            objects = padded["classes"][place] >= 0
            truth = {
                "boxes": padded["boxes"][place][objects],
                "labels": padded["classes"][place][objects].astype(int),
            }
            if masks and "masks" in batch:
                truth["masks"] = batch["masks"][place][objects].astype(bool)
            ground_truth.append(truth)
    maps = np.concatenate(label_maps) if label_maps else None
    return Examples(np.concatenate(images), ground_truth, maps)


def describe_with_thresholds(model: keras.Model, validation: Examples) -> dict[str, Any]:
    """How the outputs of a detector become boxes, with both thresholds chosen on validation data.

    Non-maximum suppression's gives the highest AP50; the score's balances precision and recall.
    """
    description = decoding_config(model)
    # Masks would be drawn for nothing.
    boxes = {key: description[key] for key in description.keys() - {"coefficients", "prototypes"}}
    boxes["task"] = "detection"
    size = validation.images.shape[1:3]
    outputs = model.predict(validation.images, batch_size=8, verbose=0)
    by_name = dict(zip(model.output_names, outputs, strict=True))
    predictions = {
        threshold: list(deploy.decode(by_name, boxes | {"iou_threshold": threshold}, size))
        for threshold in IOU_THRESHOLDS
    }
    quality = ap50([str(label) for label in range(model.output_shape[1][-1])])
    best = max(
        predictions,
        key=lambda threshold: quality(validation.ground_truth, predictions[threshold]),
    )
    description["iou_threshold"] = best
    description["score_threshold"] = metrics.best_threshold(
        validation.ground_truth, predictions[best]
    )
    return description


def ap50(class_names: Sequence[str], masks: bool = False) -> Callable[[Any, Any], float]:
    """COCO's average precision at an IoU of 0.5, of boxes or of masks, for `deploy.export`."""

    def measure(ground_truth: Any, predictions: Any) -> float:
        precision = metrics.average_precision(
            ground_truth, predictions, class_names=class_names, masks=masks
        )
        return precision["AP50"]

    measure.__name__ = "mask_AP50" if masks else "box_AP50"
    return measure


def mean_iou(label_maps: np.ndarray, predictions: Sequence[np.ndarray]) -> float:
    """Mean IoU of maps of class ids, for `deploy.export`."""
    predicted = np.stack(predictions)
    # The highest class may be in the predictions alone.
    classes = int(max(label_maps.max(), predicted.max())) + 1
    return metrics.mean_iou(label_maps, predicted, classes)


def quarters(
    images: np.ndarray, ground_truth: Sequence[Mapping[str, np.ndarray]], label: int
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
    for image, truth in zip(images, ground_truth, strict=True):
        boxes = truth["boxes"][truth["labels"] == label]
        areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
        for top, left in np.ndindex(2, 2):
            low = np.array([left * width, top * height])
            sides = np.minimum(boxes[:, 2:], low + (width, height)) - np.maximum(boxes[:, :2], low)
            inside = np.prod(sides.clip(0), axis=1) / areas  # the fraction of each box
            if inside.max(initial=0) >= 0.5 or not inside.any():
                parts.append(image[low[1] :, low[0] :][:height, :width])
                present.append(int(inside.max(initial=0) >= 0.5))
    return np.stack(parts), np.array(present)


def most_uncertain_class(ground_truth: Sequence[Mapping[str, np.ndarray]], classes: int) -> int:
    """The class that is in as many images as not, as nearly as any."""
    fractions = [
        np.mean([label in truth["labels"] for truth in ground_truth]) for label in range(classes)
    ]
    return int(np.argmin(np.abs(np.array(fractions) - 0.5)))


def with_label_maps(batch: Mapping[str, Any]) -> tuple[tf.Tensor, tf.Tensor]:
    """A batch of `load_detection` as a semantic segmenter's `fit` takes it."""
    return batch["images"], batch["segmentation"]


def with_boxes(batch: Mapping[str, Any]) -> tuple[tf.Tensor, dict[str, Any]]:
    """A batch of `load_detection` as a detector's `fit` takes it."""
    return batch["images"], {"bounding_boxes": batch["bounding_boxes"]}


def with_masks(batch: Mapping[str, Any]) -> tuple[tf.Tensor, dict[str, Any]]:
    """A batch of `load_detection` as an instance segmenter's `fit` takes it."""
    images, targets = with_boxes(batch)
    return images, targets | {"masks": batch["masks"]}


def task_table(cards: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[list[str]]:
    """A row for each network on each target.

    Args:
        cards: Of the exported bundles, by the network's name.
    """
    rows = [
        [
            "network",
            "target",
            "parameters",
            "metric",
            "Keras",
            "deployed",
            "model",
            "latency on this CPU",
            "arena",
            "NPU cycles",
        ]
    ]
    for network, of_network in cards.items():
        for card in of_network:
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


def result_table(
    ground_truth: Sequence[Mapping[str, np.ndarray]],
    predictions: Sequence[Mapping[str, np.ndarray]],
    class_names: Sequence[str],
    threshold: float,
) -> list[list[str]]:
    """What the Keras networks reach on test data, a row each.

    Args:
        ground_truth: Of the test images.
        predictions: The detections in them, at all scores.
        class_names: By class id.
        threshold: The score that the detections to count reach, chosen on validation data.
    """
    rows = [["on test data, in Keras", ""]]
    for kind in ("boxes", "masks") if "masks" in ground_truth[0] else ("boxes",):
        ap = metrics.average_precision(
            ground_truth, predictions, class_names=class_names, masks=kind == "masks"
        )
        rows += [
            [f"{name} of {kind}", f"{100 * ap[name]:.1f} %"] for name in ("AP50", "AP75", "AP")
        ]
        if len(class_names) > 1:
            rows += [[f"AP50, {name}", f"{100 * one:.1f} %"] for name, one in ap["classes"].items()]
    counting = metrics.counting_error(ground_truth, predictions, threshold)
    rows += [
        [f"pictures counted exactly, at scores from {threshold:.2f}", f"{counting['exact']:.1%}"],
        ["mean error of a count", f"{counting['mean_absolute_error']:.2f} objects"],
    ]
    return rows
