"""Classification: probabilities by hand, and the class in words."""

import numpy as np
import pytest

from deploy import DeployError
from deploy.runtime.tasks.classification import (
    check,
    class_names,
    predict,
    to_probabilities,
    to_text,
)


def test_probabilities_by_hand():
    logits = np.array([[0.0, np.log(3.0)]])
    np.testing.assert_allclose(to_probabilities(logits, "linear"), [[0.25, 0.75]])
    np.testing.assert_allclose(to_probabilities(np.array([[0.2]]), "sigmoid"), [[0.8, 0.2]])
    np.testing.assert_allclose(to_probabilities(np.array([[0.0]]), "linear"), [[0.5, 0.5]])
    assert to_probabilities(logits, "softmax") is logits


def test_the_most_probable_class_is_predicted():
    logits = np.array([0.0, np.log(3.0)], "float32")
    prediction = predict({"activation": "linear"}, [logits], ["cat", "dog"], (0, 0))
    assert (prediction["label"], prediction["index"]) == ("dog", 1)
    assert to_text(prediction, ["cat", "dog"]) == "dog (75.0 %)"
    assert predict({"activation": "linear"}, [logits], [], (0, 0))["label"] == "1"


@pytest.mark.parametrize(("units", "names"), [(3, ["0", "1", "2"]), (1, ["0", "1"])])
def test_a_single_unit_tells_two_classes(units, names):
    assert class_names({"outputs": [{"shape": [1, units]}]}, []) == names


def test_a_card_without_an_activation_is_refused():
    with pytest.raises(DeployError, match="the activation softmax, sigmoid or linear"):
        check({"task": "classification", "activation": None})
