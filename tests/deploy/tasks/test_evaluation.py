"""Metrics, the user's own and the tasks', on both models' outputs."""

import numpy as np
import pytest

import deploy
from deploy import DeployError
from deploy.measure.parity import metric_drop
from deploy.tasks.evaluation import compare, measure
from tests.deploy.detections_by_hand import BOXES, CARD, OTHER, SCORES


def fraction_found(ground_truth, predictions):
    """Images with as many objects as the ground truth says, of more than one half."""
    counts = [int((each["scores"] > 0.5).sum()) for each in predictions]
    return np.mean([count == target for count, target in zip(counts, ground_truth, strict=True)])


def test_a_metric_gets_the_ground_truth_and_what_scores_little():
    seen = []

    def looks(ground_truth, predictions):
        seen.append((ground_truth, [each["scores"].min() for each in predictions]))
        return 0.25

    ground_truth, names = [object(), object()], ["boxes", "scores"]
    outputs = [BOXES, SCORES], [BOXES, OTHER]
    measured = compare(CARD, names, *outputs, ground_truth, [], looks)["quality"]
    assert measured == {"metric": "looks", "keras": 0.25, "deployed": 0.25, "examples": 2}
    assert seen[0][0] is ground_truth
    # Beneath the threshold of the card, not beneath 0.01.
    np.testing.assert_allclose(seen[0][1], [0.3, 0.7])
    np.testing.assert_allclose(seen[1][1], [0.2, 0.6])
    known = compare(CARD, names, *outputs, ground_truth, [], looks, keras_score=0.5)["quality"]
    assert (known["keras"], len(seen)) == (0.5, 3)


def test_the_card_gets_quality_and_agreement():
    made = compare(
        CARD,
        ["boxes", "scores"],
        [BOXES, SCORES],
        [BOXES, OTHER],
        [2, 2],
        ["a", "b"],
        fraction_found,
    )
    assert made["quality"] == {
        "metric": "fraction_found", "keras": 1.0, "deployed": 0.5, "examples": 2,
    }  # fmt: skip
    assert metric_drop(made["quality"]) == pytest.approx(50.0)
    # Keras: a; b | a, a. Deployed: a, a | b, a, a. Of a the first and the third match.
    assert made["agreement"]["a"] == {"examples": 3, "agreement": pytest.approx(4 / 7)}
    assert made["agreement"]["b"] == {"examples": 1, "agreement": 0.0}
    assert made["parity"]["outputs"][0]["sqnr_db"] is None
    assert compare(CARD, ["", ""], [BOXES, SCORES], [BOXES, OTHER], None, [])["quality"] is None


def nothing(ground_truth, predictions):
    return None


def infinite(ground_truth, predictions):
    return float("inf")


@pytest.mark.parametrize(
    ("ground_truth", "metric", "message"),
    [
        ([1, 2], None, "expected a metric for the test data of a model for detection"),
        ([1], fraction_found, "a target y for each of the 2 examples, received 1"),
        (7, fraction_found, "a target y for each of the 2 examples, received int"),
        ([1, 2], nothing, "a finite number from the metric nothing, received None"),
        ([1, 2], infinite, "a finite number from the metric infinite, received inf"),
    ],
)
def test_metrics_that_cannot_be_had_are_refused(ground_truth, metric, message):
    with pytest.raises(DeployError, match=message):
        measure(CARD, ground_truth, [BOXES, SCORES], [], metric)


@pytest.mark.parametrize("metric", [lambda ground_truth, predictions: 1.0, "AP"])
def test_a_metric_has_a_name(metric, tmp_path):
    with pytest.raises(DeployError, match="a function with a name"):
        deploy.export("no.keras", "cpu", out=tmp_path / "b", test=deploy.TestData([], [], metric))


def test_a_classifier_may_have_a_metric_of_its_own():
    card = {"task": "classification", "activation": "softmax"}
    card |= {"inputs": [{"shape": [1, 4]}], "outputs": [{"name": "y"}]}
    outputs = [np.array([[0.9, 0.1], [0.2, 0.8]], "float32")]

    def named(ground_truth, predictions):
        right = [
            each["label"] == target for each, target in zip(predictions, ground_truth, strict=True)
        ]
        return sum(right) / len(right)

    assert measure(card, ["a", "a"], outputs, ["a", "b"], named) == 0.5
    assert measure(card, [0, 0], outputs, ["a", "b"]) == 0.5


def test_the_state_is_not_measured():
    card = {"task": "regression", "inputs": ["x", "h"], "outputs": ["new_h", "y"]}
    card["state"] = {"variables": False, "tensors": [[0, 1]]}
    keras = [np.full((2, 8), 9.0), np.full((2, 3), 1.0)]
    deployed = [np.full((2, 8), 5.0), np.full((2, 3), 2.0)]
    measured = compare(card, ["new_h", "y"], keras, deployed, np.zeros((2, 3)), [])
    assert (measured["quality"]["keras"], measured["quality"]["deployed"]) == (1.0, 2.0)
    assert [each["name"] for each in measured["parity"]["outputs"]] == ["new_h", "y"]


def test_a_regressions_quality_has_the_tasks_own_metric():
    card = {"task": "regression", "inputs": [], "outputs": [{"name": "y"}]}
    outputs = [np.full((2, 2), 2.0)], [np.full((2, 2), 3.0)]
    measured = compare(card, ["y"], *outputs, np.zeros((2, 2)), [])["quality"]
    assert measured == {
        "metric": "mean_absolute_error", "keras": 2.0, "deployed": 3.0, "examples": 2,
    }  # fmt: skip
    assert metric_drop(measured) == pytest.approx(50.0)


def test_a_classifiers_quality_has_the_tasks_own_metric():
    card = {"task": "classification", "activation": "softmax"}
    card |= {"inputs": [], "outputs": [{"name": "y"}]}
    outputs = [np.array([[0.9, 0.1], [0.2, 0.8]])], [np.array([[0.8, 0.2], [0.6, 0.4]])]
    measured = compare(card, ["y"], *outputs, [0, 1], [])["quality"]
    assert measured == {"metric": "accuracy", "keras": 1.0, "deployed": 0.5, "examples": 2}
    assert metric_drop(measured) == pytest.approx(50.0)
