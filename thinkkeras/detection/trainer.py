"""A detector with its losses, for Keras's own `fit`."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import KerasTensor, ops

from thinkkeras.detection.assignment import Assignment, task_aligned
from thinkkeras.detection.boxes import anchor_points, decode_boxes
from thinkkeras.losses import ciou, mask_loss
from thinkkeras.models.detection.yolo_tiny import CELLS, STRIDES


class DetectorTrainer(keras.Model):
    """A detector with its losses: `compile` and `fit` it, then keep the detector itself.

    What a location shall learn depends on what all of them predict (`assignment.task_aligned`), so
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
        loss_weights: How much `scores`, `boxes` and `masks` count.

    Raises:
        ValueError: The detector has other strides.
    """

    def __init__(
        self,
        detector: keras.Model,
        strides: Sequence[int] = STRIDES,
        loss_weights: Sequence[float] = (1.0, 5.0, 5.0),
    ) -> None:
        super().__init__(name=f"{detector.name}_trainer")
        self.detector, self.loss_weights = detector, tuple(loss_weights)
        self.anchor_points = anchor_points(detector.input_shape[1:3], strides)
        count = detector.outputs[0].shape[1]
        if len(self.anchor_points) != count:
            raise ValueError(
                f"expected the detector's own strides, received strides={tuple(strides)} of "
                f"{len(self.anchor_points)} locations for a detector with {count}"
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
        encoded, scores, *mask_outputs = y_pred
        ground_truth = y["bounding_boxes"]
        boxes = decode_boxes(encoded, self.anchor_points, CELLS)
        target = task_aligned(
            ops.stop_gradient(scores),
            ops.stop_gradient(boxes),
            self.anchor_points,
            ground_truth["boxes"],
            ground_truth["classes"],
        )
        target = Assignment(*(ops.stop_gradient(tensor) for tensor in target))
        total = ops.maximum(ops.sum(target.scores), 1.0)
        # Tighter than Keras's own 1e-7, for smaller gradients.
        probabilities = ops.clip(scores, 1e-6, 1 - 1e-6)
        losses = [
            ops.sum(ops.binary_crossentropy(target.scores, probabilities)) / total,
            ops.sum(ciou(target.boxes, boxes) * ops.sum(target.scores, axis=-1)) / total,
        ]
        if mask_outputs:
            loss = mask_loss(target.weights, ground_truth["boxes"], y["masks"], *mask_outputs)
            losses.append(loss)
        for tracker, loss in zip(self.trackers, losses, strict=True):
            tracker.update_state(loss)
        weighted = (w * loss for w, loss in zip(self.loss_weights, losses, strict=False))
        return sum([*weighted, *self.losses])
