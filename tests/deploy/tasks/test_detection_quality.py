"""Metrics of the user's own, and the agreement of detections and of pixels, by hand."""

import numpy as np
import pytest
from deploy.tasks.answers import agreement_of_detections, answers, compare, measure
from deploy.tasks.infer import read_detector
from deploy.tasks.quality import agreement

import deploy
from deploy.bundle.card_text import table
from deploy.measure.formatting import score
from deploy.measure.parity import is_fraction, loss_in_points

DETECTOR = {
    "format": "xyxy",
    "boxes": 0,
    "scores": 1,
    "activation": "sigmoid",
    "score_threshold": 0.5,
    "iou_threshold": 0.5,
    "max_detections": 10,
}
CARD = {
    "task": "detection",
    "activation": None,
    "detector": DETECTOR,
    "inputs": [{"shape": [1, 10, 20, 3]}],
    "outputs": [{"name": "boxes"}, {"name": "scores"}],
}
# Two pictures, each with three boxes in shares of 10 x 20 pixels.
BOXES = np.array([[[0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1], [0, 0.5, 0.5, 1]]] * 2, "float32")
SCORES = np.array([[[0.9, 0], [0, 0.8], [0.3, 0]], [[0.9, 0], [0.005, 0], [0.7, 0]]], "float32")
OTHER = np.array([[[0.9, 0], [0, 0.2], [0.6, 0]], [[0, 0.9], [0.6, 0], [0.7, 0]]], "float32")


def found(names, boxes):
    numbers = np.array([["a", "b"].index(name) for name in names], "int64")
    return {"names": names, "labels": numbers, "boxes": np.array(boxes, "float32").reshape(-1, 4)}


def test_answers_are_the_runtimes_and_in_pixels():
    received = answers(CARD, [BOXES, SCORES], ["a", "b"])
    assert len(received) == 2
    assert received[0]["names"] == ["a", "b"] and received[-1]["names"] == ["a", "a"]
    np.testing.assert_allclose(received[0]["boxes"], [[0, 0, 10, 5], [10, 5, 20, 10]])
    assert [len(answer["scores"]) for answer in answers(CARD, [BOXES, SCORES], [], 0.01)] == [3, 2]
    assert [len(answer["scores"]) for answer in received[:1]] == [2]
    with pytest.raises(IndexError):
        received[2]


def test_agreement_of_detections_by_hand():
    square, shifted, far = [0, 0, 10, 10], [0, 0, 10, 6], [20, 20, 30, 30]
    keras = [found(["a", "a", "b"], [square, far, far]), found(["b"], [square])]
    received = [found(["a", "b"], [shifted, square]), found(["b", "b"], [square, square])]
    # a: one of 2 + 1 matches in both (an IoU of 0.6). b: one of 1 + 0 and 0 + 1, one of 1 + 2.
    assert agreement_of_detections(keras, received) == {
        "a": {"examples": 2, "agreement": pytest.approx(2 / 3)},
        "b": {"examples": 2, "agreement": pytest.approx(2 / 5)},
    }
    nothing = found([], [])
    assert agreement_of_detections([nothing], [nothing]) == {}
    assert agreement_of_detections([nothing], [keras[1]]) == {"b": {"examples": 0, "agreement": 0}}


@pytest.mark.parametrize(("overlap", "same"), [(10, 1.0), (5, 1.0), (4, 0.0)])
def test_boxes_agree_from_an_iou_of_one_half(overlap, same):
    one, other = found(["a"], [[0, 0, 10, 10]]), found(["a"], [[0, 0, 10, overlap]])
    assert agreement_of_detections([one], [other])["a"]["agreement"] == same


def test_each_box_agrees_with_one_other():
    near = [[0, 0, 10, 10], [0, 0, 10, 9]]
    one, other = found(["a", "a"], near), found(["a"], near[:1])
    assert agreement_of_detections([one], [other])["a"]["agreement"] == pytest.approx(2 / 3)


def test_agreement_of_pixels_by_hand():
    keras = np.array([[[0.9, 0.1], [0.8, 0.2]], [[0.3, 0.7], [0.6, 0.4]]])[None]
    received = keras.copy()
    received[0, 0, 0] = [0.2, 0.8]
    assert agreement("softmax", ["ground", "cat"], [keras], [received]) == {
        "ground": {"examples": 3, "agreement": pytest.approx(2 / 3)},
        "cat": {"examples": 1, "agreement": 1.0},
    }


def share_found(targets, answers):
    """Pictures with as many objects as the target says, likelier than one half."""
    counts = [int((answer["scores"] > 0.5).sum()) for answer in answers]
    return np.mean([count == target for count, target in zip(counts, targets, strict=True)])


def test_a_metric_gets_the_targets_and_what_is_unlikely():
    seen = []

    def looks(targets, answers):
        seen.append((targets, [answer["scores"].min() for answer in answers]))
        return 0.25

    targets = [object(), object()]
    measured = measure(CARD, targets, [BOXES, SCORES], [BOXES, OTHER], [], looks)
    assert measured == {"metric": "looks", "keras": 0.25, "deployed": 0.25, "examples": 2}
    assert seen[0][0] is targets
    # Beneath the threshold of the card, not beneath 0.01.
    np.testing.assert_allclose(seen[0][1], [0.3, 0.7])
    np.testing.assert_allclose(seen[1][1], [0.2, 0.6])
    known = measure(CARD, targets, [BOXES, SCORES], [BOXES, OTHER], [], looks, keras_score=0.5)
    assert (known["keras"], len(seen)) == (0.5, 3)


def test_the_card_gets_quality_and_agreement():
    made = compare(
        CARD, ["boxes", "scores"], [BOXES, SCORES], [BOXES, OTHER], [2, 2], ["a", "b"], share_found
    )
    assert made["quality"] == {
        "metric": "share_found", "keras": 1.0, "deployed": 0.5, "examples": 2,
    }  # fmt: skip
    assert loss_in_points(made["quality"]) == pytest.approx(50.0)
    # Keras: a; b | a, a. Deployed: a, a | b, a, a. Of a the first and the third match.
    assert made["agreement"]["a"] == {"examples": 3, "agreement": pytest.approx(4 / 7)}
    assert made["agreement"]["b"] == {"examples": 1, "agreement": 0.0}
    assert made["parity"]["outputs"][0]["sqnr_db"] is None
    assert compare(CARD, ["", ""], [BOXES, SCORES], [BOXES, OTHER], None, [])["quality"] is None


def quality(metric, keras, deployed):
    return {"metric": metric, "keras": keras, "deployed": deployed, "examples": 2}


@pytest.mark.parametrize(
    ("measured", "loss", "shown"),
    [
        (quality("accuracy", 0.9, 0.8), 10.0, "90.00 %"),
        (quality("mean_iou", 0.5, 0.49), 1.0, "50.00 %"),
        (quality("psnr", 30.0, 27.0), 10.0, "30"),
        (quality("r2", 0.5, -0.5), 200.0, "0.5"),
        (quality("mean_absolute_error", 0.5, 0.6), 20.0, "0.5"),
    ],
)
def test_shares_lose_points_and_other_metrics_percent(measured, loss, shown):
    assert loss_in_points(measured) == pytest.approx(loss)
    assert score(measured, "keras") == shown
    assert is_fraction(measured["metric"], measured["keras"], measured["deployed"]) == (
        "%" in shown
    )
    card = {"target": "cpu", "scheme": "int8", "size_bytes": 1, "memory": None}
    text = table([card | {"quality": measured, "latency_ms": {"median": 1.0}}])
    assert f"Keras {measured['metric']}" in text and shown in text


def nothing(targets, answers):
    return None


def infinite(targets, answers):
    return float("inf")


@pytest.mark.parametrize(
    ("targets", "metric", "message"),
    [
        ([1, 2], None, "expected a metric for the test data of a model for detection"),
        ([1], share_found, "a target y for each of the 2 examples, received 1"),
        (7, share_found, "a target y for each of the 2 examples, received int"),
        ([1, 2], nothing, "a finite number from the metric nothing, received None"),
        ([1, 2], infinite, "a finite number from the metric infinite, received inf"),
    ],
)
def test_metrics_that_cannot_be_had_are_refused(targets, metric, message):
    with pytest.raises(deploy.DeployError, match=message):
        measure(CARD, targets, [BOXES, SCORES], [BOXES, OTHER], [], metric)


@pytest.mark.parametrize("metric", [lambda targets, answers: 1.0, "AP"])
def test_a_metric_has_a_name(metric, tmp_path):
    with pytest.raises(deploy.DeployError, match="a function with a name"):
        deploy.export("no.keras", "cpu", out=tmp_path / "b", metric=metric, test=([], []))


def test_a_classifier_may_have_a_metric_of_its_own():
    card = {"task": "classification", "activation": "softmax"}
    outputs = [np.array([[0.9, 0.1], [0.2, 0.8]], "float32")]

    def named(targets, answers):
        right = [answer["label"] == target for answer, target in zip(answers, targets, strict=True)]
        return sum(right) / len(right)

    measured = measure(card, ["a", "a"], outputs, outputs, ["a", "b"], named)
    assert measured == quality("named", 0.5, 0.5)


def test_descriptions_are_read_from_mappings_and_files(tmp_path):
    assert read_detector(None) is None
    assert read_detector(DETECTOR | {"strides": (8, 16)}) == DETECTOR | {"strides": [8, 16]}
    (tmp_path / "d.json").write_text('{"format": "cells"}')
    assert read_detector(tmp_path / "d.json") == {"format": "cells"}
    with pytest.raises(deploy.DeployError, match="plain numbers and lists"):
        read_detector({"cells": float("nan")})
