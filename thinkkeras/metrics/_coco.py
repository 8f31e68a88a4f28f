"""Detections checked, as `pycocotools` wants them, and matched with objects by its rules."""

import contextlib
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pycocotools.cocoeval import COCOeval

# One dictionary for each image; `thinkkeras.metrics.detection` says of what.
Annotations = Sequence[Mapping[str, Any]]

# COCO's rule: of one class, the detections with the highest scores in an image.
DETECTIONS = 100


def read(
    ground_truth: Annotations,
    predictions: Annotations,
    masks: bool = False,
    classes: int | None = None,
) -> tuple[list[dict[str, np.ndarray]], list[dict[str, np.ndarray]]]:
    """The images' dictionaries with arrays in them, `crowd` filled in.

    Raises:
        ValueError: What `thinkkeras.metrics.average_precision` says.
    """
    if len(ground_truth) != len(predictions) or not len(ground_truth):
        raise ValueError(
            "expected a prediction for each image of the ground truth, and at least one, "
            f"received {len(predictions)} predictions and {len(ground_truth)} images"
        )
    pairs = []
    for index, (true, predicted) in enumerate(zip(ground_truth, predictions, strict=True)):
        pair = (
            _image(true, f"ground truth {index}", False, masks, classes),
            _image(predicted, f"prediction {index}", True, masks, classes),
        )
        if masks:
            _check_masks(pair[0]["masks"], pair[1]["masks"], index)
        pairs.append(pair)
    return [true for true, _ in pairs], [predicted for _, predicted in pairs]


def evaluate(
    ground_truth: Annotations,
    predictions: Annotations,
    class_ids: Sequence[int],
    ious: Sequence[float] | np.ndarray,
    masks: bool,
) -> "COCOeval":
    """Matches what `read` returned; `accumulate` has yet to be called."""
    from pycocotools.cocoeval import COCOeval

    evaluation = COCOeval(
        _coco(ground_truth, class_ids, masks),
        _coco(predictions, class_ids, masks),
        "segm" if masks else "bbox",
    )
    evaluation.params.iouThrs = np.asarray(ious)
    evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, float("inf")]], ["all"]
    evaluation.params.maxDets = [DETECTIONS]
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation.evaluate()
    return evaluation


def accumulate(evaluation: "COCOeval") -> tuple[np.ndarray, np.ndarray]:
    """Precision `(IoUs, 101 recalls, classes)` and recall `(IoUs, classes)`; -1 without objects."""
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation.accumulate()
    return evaluation.eval["precision"][..., 0, 0], evaluation.eval["recall"][..., 0, 0]


def matches(
    ground_truth: Annotations,
    predictions: Annotations,
    class_ids: Sequence[int],
    iou: float,
    masks: bool,
) -> tuple[np.ndarray, np.ndarray, int]:
    """Scores of the detections outside crowds, whether each is right, and how many objects."""
    scores, right, objects = [np.zeros(0)], [np.zeros(0, bool)], 0
    for found in evaluate(ground_truth, predictions, class_ids, [iou], masks).evalImgs:
        if found is None:  # an image without this class
            continue
        counted = ~found["dtIgnore"][0]
        scores.append(np.array(found["dtScores"])[counted])
        right.append(found["dtMatches"][0][counted] > 0)
        objects += int(np.sum(np.asarray(found["gtIgnore"]) == 0))
    return np.concatenate(scores), np.concatenate(right), objects


def _coco(images: Annotations, class_ids: Sequence[int], masks: bool) -> Any:
    from pycocotools.coco import COCO
    from pycocotools.mask import encode

    annotations: list[dict[str, Any]] = []
    for number, image in enumerate(images):
        sides = image["boxes"][:, 2:] - image["boxes"][:, :2]
        crowd = image.get("crowd", np.zeros(len(sides), bool))
        scores = image.get("scores", np.ones(len(sides)))
        for index, class_id in enumerate(image["labels"]):
            annotation = {
                "id": len(annotations) + 1,  # 0 would read as "unmatched"
                "image_id": number,
                "category_id": int(class_id),
                "bbox": [*image["boxes"][index, :2], *sides[index]],
                "area": float(sides[index].prod()),  # read, but no range of areas is asked for
                "iscrowd": int(crowd[index]),
                "score": float(scores[index]),
            }
            if masks:
                mask = np.asfortranarray(image["masks"][index], np.uint8)
                annotation["segmentation"] = encode(mask)
            annotations.append(annotation)
    coco = COCO()
    coco.dataset = {
        "images": [{"id": number, "height": 0, "width": 0} for number in range(len(images))],
        "categories": [{"id": int(class_id)} for class_id in class_ids],
        "annotations": annotations,
    }
    with contextlib.redirect_stdout(io.StringIO()):
        coco.createIndex()
    return coco


def _image(
    given: Mapping[str, Any], name: str, scored: bool, masks: bool, classes: int | None
) -> dict[str, np.ndarray]:
    """One image's arrays, of the right shapes and with numbers that can be meant."""
    needed = ["boxes", "labels"] + ["scores"] * scored + ["masks"] * masks
    if not set(needed) <= set(given):
        raise ValueError(f"expected {name} with {needed}, received {sorted(given)}")
    image = {key: np.asarray(given[key]) for key in needed}
    count = len(image["labels"])
    if not scored:
        image["crowd"] = np.asarray(given.get("crowd", np.zeros(count)), bool)
    if not count and not image["boxes"].size:
        image["boxes"] = np.zeros((0, 4))  # an empty list has no second axis
    shapes = {key: array.shape for key, array in image.items()}
    if shapes["boxes"] != (count, 4) or any(shape[:1] != (count,) for shape in shapes.values()):
        raise ValueError(
            f"expected {name} with boxes (N, 4) and N entries in everything else, received {shapes}"
        )
    image["boxes"] = image["boxes"].astype(np.float64)
    _check_boxes(image["boxes"], name, 0 if scored else np.finfo(np.float64).tiny)
    if scored and not np.isfinite(image["scores"]).all():
        raise ValueError(f"expected finite scores, received NaN or infinity in {name}")
    labels, highest = image["labels"], np.inf if classes is None else classes - 1
    if count and (labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() > highest):
        raise ValueError(
            f"expected integer labels from 0 to {highest}, the indices of the classes, received "
            f"{name} with {np.unique(labels).tolist()}"
        )
    return image


def _check_boxes(boxes: np.ndarray, name: str, least: float) -> None:
    if not np.isfinite(boxes).all():
        raise ValueError(f"expected finite boxes, received NaN or infinity in {name}")
    wrong = (boxes[:, 2:] - boxes[:, :2] < least).any(axis=1)
    if wrong.any():
        raise ValueError(
            "expected boxes as left, top, right, bottom, those of ground truth with an area, "
            f"received {name} with {boxes[wrong][0].tolist()}; convert or clean them first"
        )


def _check_masks(true: np.ndarray, predicted: np.ndarray, index: int) -> None:
    empty = not (len(true) and len(predicted))  # without objects there is no size to compare
    wrong = any(len(m) and (m.ndim != 3 or m.dtype != bool) for m in (true, predicted))
    if wrong or (not empty and true.shape[1:] != predicted.shape[1:]):
        raise ValueError(
            "expected boolean masks (N, height, width) of one size for an image, received "
            f"{true.shape} {true.dtype} in ground truth {index} and {predicted.shape} "
            f"{predicted.dtype} in prediction {index}"
        )
    if len(true) and not true.any(axis=(1, 2)).all():
        raise ValueError(
            f"expected masks with at least one pixel, received an empty one in ground truth "
            f"{index}; clean the data first"
        )
