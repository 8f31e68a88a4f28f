"""The losses of a detector, for Keras's own `fit`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import KerasTensor, ops

from thinkkeras.assignment import Assignment, task_aligned
from thinkkeras.boxes import decode, locations
from thinkkeras.losses import ciou
from thinkkeras.models.yolo_tiny import CELLS, STRIDES

# Locations of each object whose masks are compared: the surest ones.
_MASKED = 2


class DetectorTrainer(keras.Model):
    """A detector with its losses: `compile` and `fit` it, then keep the detector itself.

    What a location shall learn depends on what all of them answer (`assignment.task_aligned`), so
    that no loss of a single output can tell it; `compute_loss` is Keras's own place for that.
    `fit` takes `(images, targets)`, the targets as `datasets.load_detection` yields them:
    `"bounding_boxes"` with `"boxes"` `(batch, M, 4)` and `"classes"` `(batch, M)`, and for an
    instance segmenter `"masks"` `(batch, M, height, width)`.

    The loss is `scores` + 5 `boxes` + 5 `masks`, each of which `fit` shows, and what regularizers
    of the detector's layers add: the binary crossentropy of the scores with the assigned ones
    (Feng et al., "TOOD", ICCV 2021), the CIoU of the boxes, and the crossentropy of the masks
    inside their true boxes (Bolya et al., "YOLACT", ICCV 2019, section 3.1), each averaged with the
    assigned scores as weights.

    Args:
        detector: A model of `yolo_tiny` or `yolact_tiny`.
        strides: Its strides.
        weights: How much `scores`, `boxes` and `masks` count.

    Raises:
        ValueError: The detector has other strides.
    """

    def __init__(
        self,
        detector: keras.Model,
        strides: Sequence[int] = STRIDES,
        weights: Sequence[float] = (1.0, 5.0, 5.0),
    ) -> None:
        super().__init__(name=f"{detector.name}_trainer")
        self.detector, self.weights_of_losses = detector, tuple(weights)
        self.cells = locations(detector.input_shape[1:3], strides)
        count = detector.outputs[0].shape[1]
        if len(self.cells) != count:
            raise ValueError(
                f"expected the detector's own strides, received strides={tuple(strides)} of "
                f"{len(self.cells)} locations for a detector with {count}"
            )
        names = ("scores", "boxes", "masks")[: 3 if len(detector.outputs) == 4 else 2]
        self.trackers = [keras.metrics.Mean(name=name) for name in names]

    def call(self, images: KerasTensor, training: bool | None = None) -> Any:
        return self.detector(images, training=training)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> KerasTensor:
        numbers, scores, *rest = y_pred
        true = y["bounding_boxes"]
        boxes = decode(numbers, self.cells, CELLS)
        found = task_aligned(
            ops.stop_gradient(scores),
            ops.stop_gradient(boxes),
            self.cells,
            true["boxes"],
            true["classes"],
        )
        found = Assignment(*(ops.stop_gradient(tensor) for tensor in found))
        total = ops.maximum(ops.sum(found.scores), 1.0)
        losses = [
            ops.sum(_crossentropy(found.scores, scores)) / total,
            ops.sum(ciou(found.boxes, boxes) * ops.sum(found.scores, axis=-1)) / total,
        ]
        if rest:
            losses.append(mask_loss(found.weights, true["boxes"], y["masks"], *rest))
        for tracker, loss in zip(self.trackers, losses, strict=True):
            tracker.update_state(loss)
        weighted = (w * loss for w, loss in zip(self.weights_of_losses, losses, strict=False))
        return sum([*weighted, *self.losses])


def mask_loss(
    weights: KerasTensor,
    boxes: KerasTensor,
    masks: KerasTensor,
    coefficients: KerasTensor,
    prototypes: KerasTensor,
) -> KerasTensor:
    """Crossentropy of the objects' masks inside their boxes, mixed at their best locations.

    Args:
        weights: `Assignment.weights`, `(batch, M, N)`.
        boxes: True boxes `(batch, M, 4)` in pixels.
        masks: 1 where an object is seen, `(batch, M, height, width)`.
        coefficients: Predicted, `(batch, N, K)`.
        prototypes: Predicted, `(batch, h, w, K)`.

    Returns:
        A scalar: the mean over the objects' pixels inside their boxes, then over the objects.
    """
    count, (rows, columns) = boxes.shape[1], prototypes.shape[1:3]
    step = masks.shape[2] // rows
    best, places = ops.top_k(weights, _MASKED)  # (batch, M, _MASKED)
    flat = ops.reshape(places, (-1, count * _MASKED, 1))
    mixed = ops.take_along_axis(coefficients, flat, axis=1)
    logits = ops.einsum("bik,bhwk->bihw", mixed, prototypes)
    logits = ops.reshape(logits, (-1, count, _MASKED, rows, columns))
    # The share of each prototype's pixel that the object covers.
    true = ops.reshape(ops.cast(masks, logits.dtype), (-1, count, rows, step, columns, step))
    true = ops.mean(true, axis=(3, 5))[:, :, None]
    loss = ops.maximum(logits, 0) - logits * true + ops.log1p(ops.exp(-ops.abs(logits)))
    inside = _inside(boxes / step, rows, columns)[:, :, None]
    loss = ops.sum(loss * inside, axis=(3, 4)) / ops.maximum(ops.sum(inside, axis=(3, 4)), 1.0)
    return ops.sum(loss * best) / ops.maximum(ops.sum(best), 1.0)


def _inside(boxes: KerasTensor, rows: int, columns: int) -> KerasTensor:
    """1 at the pixels that a box touches, `(batch, M, rows, columns)`."""
    x, y = ops.arange(columns, dtype=boxes.dtype), ops.arange(rows, dtype=boxes.dtype)
    left, top, right, bottom = (boxes[..., side, None] for side in range(4))
    across, down = (x + 1 > left) & (x < right), (y + 1 > top) & (y < bottom)
    return ops.cast(down[..., None] & across[..., None, :], boxes.dtype)


def _crossentropy(true: KerasTensor, predicted: KerasTensor) -> KerasTensor:
    """Binary crossentropy of each probability."""
    predicted = ops.clip(predicted, 1e-6, 1 - 1e-6)
    return -true * ops.log(predicted) - (1 - true) * ops.log(1 - predicted)
