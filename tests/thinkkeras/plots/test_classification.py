"""The figures of classification: what they draw, and the file they write."""

import numpy as np
import pytest
from matplotlib.image import imread

from thinkkeras.plots import class_samples, confusion_matrix, prediction_gallery

NAMES = ["ankle boot", "bag", "coat"]


def is_written(path) -> bool:
    return imread(path).std() > 0.01 and [path] == list(path.parent.iterdir())


def test_confusion_matrix_counts_every_pair(tmp_path):
    true, predicted = [0, 0, 0, 1, 2, 2], [0, 0, 2, 1, 1, 2]
    path = tmp_path / "matrix.png"
    (axes,) = confusion_matrix(true, predicted, NAMES, path).axes
    cells = {text.get_position(): text.get_text() for text in axes.texts}
    # Positions are (column, row), so (predicted, true).
    assert cells == {(0, 0): "2", (2, 0): "1", (1, 1): "1", (1, 2): "1", (2, 2): "1"}
    assert [tick.get_text() for tick in axes.get_yticklabels()] == NAMES
    assert axes.get_title(loc="left") == "66.7 % of 6 right"
    right, wrong = (image.get_array() for image in axes.images)
    np.testing.assert_allclose(np.ma.getdata(right)[0, 0], 2 / 3)
    assert wrong.mask.tolist() == [[True, True, False], [True] * 3, [True, False, True]]
    assert is_written(path)


def test_confusion_matrix_of_a_perfect_model():
    (axes,) = confusion_matrix([0, 1], [0, 1], NAMES).axes
    assert len(axes.texts) == 2
    assert axes.get_title(loc="left") == "100.0 % of 2 right"


def gallery(examples: int, mistakes: int, channels: int = 1, path=None):
    """Examples of class 0; the first ones mistaken for class 1, each more surely."""
    probabilities = np.tile([0.9, 0.06, 0.04], (examples, 1))
    for index in range(mistakes):
        probabilities[index] = [0.01, 0.5 + 0.01 * index, 0.0]
    images = np.full((examples, 6, 5, channels), 128.0, np.float32)
    return prediction_gallery(images, np.zeros(examples, int), probabilities, NAMES, path)


@pytest.mark.parametrize(
    ("examples", "mistakes", "cells", "red"),
    [
        (100, 30, 24, 12),
        (100, 3, 24, 3),
        (30, 25, 24, 19),
        (4, 1, 4, 1),
        (40, 40, 24, 24),
        (9, 0, 9, 0),
    ],
)
def test_gallery_shows_mistakes_first(examples, mistakes, cells, red, tmp_path):
    figure = gallery(examples, mistakes, channels=3, path=tmp_path / "gallery.png")
    assert len(figure.axes) == cells
    true_classes = [axes.get_xlabel() for axes in figure.axes]
    assert true_classes == ["is ankle boot"] * red + [""] * (cells - red)
    assert f"{mistakes} mistakes in {examples} pictures" in figure.get_suptitle()
    assert is_written(tmp_path / "gallery.png")


def test_gallery_names_class_and_probability_surest_first():
    titles = [axes.get_title() for axes in gallery(100, 30).axes]
    assert titles[:12] == [f"bag · {79 - index} %" for index in range(12)]
    assert titles[12:] == ["ankle boot · 90 %"] * 12


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="received 1 and 2; pass one index per example"):
        confusion_matrix([0, 1], [0], NAMES)
    with pytest.raises(ValueError, match="received 3 images, 2 classes and 3 rows"):
        prediction_gallery(np.zeros((3, 2, 2, 1)), np.zeros(2, int), np.zeros((3, 3)), NAMES)


def test_samples_of_each_class(tmp_path):
    images = (
        np.zeros((3, 8, 8, 3), np.uint8) + np.array([10, 20, 30], np.uint8)[:, None, None, None]
    )
    figure = class_samples(images, np.array([0, 2, 2]), ["a", "b", "c"], tmp_path / "f.png")
    shown = [axes.images[0].get_array()[0, 0, 0] for axes in figure.axes if axes.images]
    assert shown == [10, 20, 30]
    assert [axes.get_title() for axes in figure.axes if axes.get_title()] == ["a", "b", "c"]
    assert (tmp_path / "f.png").read_bytes().startswith(b"\x89PNG")
