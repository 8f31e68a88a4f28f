"""Semantic segmentation: label maps in words, and models that give none."""

import numpy as np
import pytest

from deploy import DeployError
from deploy.runtime.tasks.semantic_segmentation import check, class_names, predict, to_text


def test_a_label_map_says_the_largest_classes():
    classes = np.array([[0, 0, 2, 2, 2], [0, 0, 2, 2, 1]], "uint8")
    expected = "car 50.0 %, sky 40.0 %, road 10.0 %"
    assert to_text(classes, ["sky", "road", "car", "tree"]) == expected


def test_a_label_map_has_the_images_size():
    scores = np.zeros((2, 2, 3), "float32")
    scores[0, 0, 1] = scores[1, 1, 2] = 1
    received = predict({"activation": "linear"}, [scores], [], (6, 4))
    assert received.shape == (6, 4) and received.dtype == np.uint8
    assert (received[0, 0], received[-1, -1], received[-1, 0]) == (1, 2, 0)


@pytest.mark.parametrize(("classes", "names"), [(3, ["0", "1", "2"]), (1, ["0", "1"])])
def test_a_single_unit_tells_two_classes(classes, names):
    assert class_names({"outputs": [{"shape": [1, 4, 4, classes]}]}, []) == names


@pytest.mark.parametrize(
    ("inputs", "outputs", "message"),
    [
        ([(1, 8, 8)], [(1, 4, 4, 2)], "one image as the input"),
        ([(1, 8, 8, 3)] * 2, [(1, 4, 4, 2)], "one image as the input"),
        ([(1, 8, 8, 3)], [(1, 2)], r"one output \(1, h, w, classes\), received \(1, 2\)"),
    ],
)
def test_a_model_of_other_shapes_is_refused(inputs, outputs, message):
    card = {"task": "semantic_segmentation"}
    card |= {"inputs": [{"shape": shape} for shape in inputs]}
    card |= {"outputs": [{"shape": shape} for shape in outputs]}
    with pytest.raises(DeployError, match=message):
        check(card)
