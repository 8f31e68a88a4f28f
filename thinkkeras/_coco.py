"""Detections as `pycocotools` wants them, checked, and matched with the truths by its rules."""

import contextlib
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pycocotools.cocoeval import COCOeval

Pictures = Sequence[Mapping[str, Any]]

# COCO's rule: of one class, the detections with the highest scores in a picture.
DETECTIONS = 100


def read(
    truths: Pictures, predictions: Pictures, masks: bool = False, classes: int | None = None
) -> tuple[list[dict[str, np.ndarray]], list[dict[str, np.ndarray]]]:
    """The pictures' dictionaries with arrays in them, `crowd` filled in.

    Raises:
        ValueError: What `thinkkeras.metrics.average_precision` says.
    """
    if len(truths) != len(predictions) or not len(truths):
        raise ValueError(
            "expected one prediction for each truth, and at least one, received "
            f"{len(predictions)} predictions and {len(truths)} truths"
        )
    pairs = []
    for index, (truth, prediction) in enumerate(zip(truths, predictions, strict=True)):
        pair = (
            _picture(truth, f"truth {index}", False, masks, classes),
            _picture(prediction, f"prediction {index}", True, masks, classes),
        )
        if masks:
            _check_masks(pair[0]["masks"], pair[1]["masks"], index)
        pairs.append(pair)
    return [truth for truth, _ in pairs], [prediction for _, prediction in pairs]


def evaluate(
    truths: Pictures,
    predictions: Pictures,
    labels: Sequence[int],
    ious: Sequence[float] | np.ndarray,
    masks: bool,
) -> "COCOeval":
    """Matches what `read` returned; `accumulate` has yet to be called."""
    from pycocotools.cocoeval import COCOeval

    evaluation = COCOeval(
        _coco(truths, labels, masks), _coco(predictions, labels, masks), "segm" if masks else "bbox"
    )
    evaluation.params.iouThrs = np.asarray(ious)
    evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, float("inf")]], ["all"]
    evaluation.params.maxDets = [DETECTIONS]
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation.evaluate()
    return evaluation


def accumulate(evaluation: "COCOeval") -> tuple[np.ndarray, np.ndarray]:
    """Precision `(IoUs, 101 recalls, classes)` and recall `(IoUs, classes)`; -1 without truths."""
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation.accumulate()
    return evaluation.eval["precision"][..., 0, 0], evaluation.eval["recall"][..., 0, 0]


def matches(
    truths: Pictures, predictions: Pictures, labels: Sequence[int], iou: float, masks: bool
) -> tuple[np.ndarray, np.ndarray, int]:
    """Scores of the detections outside crowds, whether each is right, and how many truths."""
    scores, right, objects = [np.zeros(0)], [np.zeros(0, bool)], 0
    for found in evaluate(truths, predictions, labels, [iou], masks).evalImgs:
        if found is None:  # a picture without this class
            continue
        counted = ~found["dtIgnore"][0]
        scores.append(np.array(found["dtScores"])[counted])
        right.append(found["dtMatches"][0][counted] > 0)
        objects += int(np.sum(np.asarray(found["gtIgnore"]) == 0))
    return np.concatenate(scores), np.concatenate(right), objects


def _coco(pictures: Pictures, labels: Sequence[int], masks: bool) -> Any:
    from pycocotools.coco import COCO
    from pycocotools.mask import encode

    annotations: list[dict[str, Any]] = []
    for number, picture in enumerate(pictures):
        sides = picture["boxes"][:, 2:] - picture["boxes"][:, :2]
        crowd = picture.get("crowd", np.zeros(len(sides), bool))
        scores = picture.get("scores", np.ones(len(sides)))
        for index, label in enumerate(picture["labels"]):
            annotation = {
                "id": len(annotations) + 1,  # 0 would read as "unmatched"
                "image_id": number,
                "category_id": int(label),
                "bbox": [*picture["boxes"][index, :2], *sides[index]],
                "area": float(sides[index].prod()),  # read, but no range of areas is asked for
                "iscrowd": int(crowd[index]),
                "score": float(scores[index]),
            }
            if masks:
                mask = np.asfortranarray(picture["masks"][index], np.uint8)
                annotation["segmentation"] = encode(mask)
            annotations.append(annotation)
    coco = COCO()
    coco.dataset = {
        "images": [{"id": number, "height": 0, "width": 0} for number in range(len(pictures))],
        "categories": [{"id": int(label)} for label in labels],
        "annotations": annotations,
    }
    with contextlib.redirect_stdout(io.StringIO()):
        coco.createIndex()
    return coco


def _picture(
    given: Mapping[str, Any], name: str, scored: bool, masks: bool, classes: int | None
) -> dict[str, np.ndarray]:
    """One picture's arrays, of the right shapes and with numbers that can be meant."""
    needed = ["boxes", "labels"] + ["scores"] * scored + ["masks"] * masks
    if not set(needed) <= set(given):
        raise ValueError(f"expected {name} with {needed}, received {sorted(given)}")
    picture = {key: np.asarray(given[key]) for key in needed}
    count = len(picture["labels"])
    if not scored:
        picture["crowd"] = np.asarray(given.get("crowd", np.zeros(count)), bool)
    if not count and not picture["boxes"].size:
        picture["boxes"] = np.zeros((0, 4))  # an empty list has no second axis
    shapes = {key: array.shape for key, array in picture.items()}
    if shapes["boxes"] != (count, 4) or any(shape[:1] != (count,) for shape in shapes.values()):
        raise ValueError(
            f"expected {name} with boxes (N, 4) and N entries in everything else, received {shapes}"
        )
    picture["boxes"] = picture["boxes"].astype(np.float64)
    _check_boxes(picture["boxes"], name, 0 if scored else np.finfo(np.float64).tiny)
    if scored and not np.isfinite(picture["scores"]).all():
        raise ValueError(f"expected finite scores, received NaN or infinity in {name}")
    labels, highest = picture["labels"], np.inf if classes is None else classes - 1
    if count and (labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() > highest):
        raise ValueError(
            f"expected integer labels from 0 to {highest}, the indices of the classes, received "
            f"{name} with {np.unique(labels).tolist()}"
        )
    return picture


def _check_boxes(boxes: np.ndarray, name: str, least: float) -> None:
    if not np.isfinite(boxes).all():
        raise ValueError(f"expected finite boxes, received NaN or infinity in {name}")
    wrong = (boxes[:, 2:] - boxes[:, :2] < least).any(axis=1)
    if wrong.any():
        raise ValueError(
            "expected boxes as left, top, right, bottom, those of truths with an area, received "
            f"{name} with {boxes[wrong][0].tolist()}; convert or clean them first"
        )


def _check_masks(truth: np.ndarray, found: np.ndarray, index: int) -> None:
    empty = not (len(truth) and len(found))  # an answer without objects has no size to compare
    if any(len(masks) and (masks.ndim != 3 or masks.dtype != bool) for masks in (truth, found)) or (
        not empty and truth.shape[1:] != found.shape[1:]
    ):
        raise ValueError(
            "expected boolean masks (N, height, width) of one size for a picture, received "
            f"{truth.shape} {truth.dtype} in truth {index} and {found.shape} {found.dtype} in "
            f"prediction {index}"
        )
    if len(truth) and not truth.any(axis=(1, 2)).all():
        raise ValueError(
            f"expected masks with at least one pixel, received an empty one in truth {index}; "
            "clean the data first"
        )
