"""The figures of what a network sees: what they draw, and the file they write."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.image import imread

from thinkkeras.plots import attention_maps, feature_maps, learned_filters, nearest_neighbours


def pixels(*shape):
    return np.random.default_rng(0).integers(0, 256, shape)


@pytest.mark.parametrize(
    ("draw", "arguments"),
    [
        (learned_filters, (pixels(3, 3, 1, 20) - 128.0,)),
        (learned_filters, (pixels(3, 3, 3, 5) - 128.0,)),
        (feature_maps, (pixels(8, 8, 1), [np.ones((4, 4, 3)), np.ones((1, 1, 12))])),
        (
            attention_maps,
            (pixels(3, 8, 8, 3), [("Grad-CAM", np.ones((3, 2, 2)))], ["cat", "dog", "ship"]),
        ),
        (
            nearest_neighbours,
            (pixels(2, 8, 8, 3), pixels(2, 4, 8, 8, 3), np.eye(2, 4, dtype=bool)),
        ),
    ],
)
def test_figures_are_written(draw, arguments, tmp_path):
    path = tmp_path / "figures" / "figure.png"
    draw(*arguments, path)
    assert imread(path).std() > 0.01 and [path] == list(path.parent.iterdir())


def test_filters_of_a_colour_picture_are_drawn_in_colour():
    kernels = np.zeros((3, 3, 3, 2))
    kernels[..., 0, 0], kernels[..., 1, 1] = 0.2, -4
    red, less_green = (
        axes.images[0].get_array()[0, 0] for axes in learned_filters(kernels).axes[:2]
    )
    assert red.tolist() == [1, 0.5, 0.5] and less_green.tolist() == [0.5, 0, 0.5]


def test_neighbours_are_framed_by_class_and_counted():
    figure = nearest_neighbours(pixels(2, 8, 8, 3), pixels(2, 4, 8, 8, 3), np.eye(2, 4, dtype=bool))
    right, wrong = figure.axes[2], figure.axes[3]
    assert to_hex(right.spines["top"].get_edgecolor()) == "#2f855a"
    assert to_hex(wrong.spines["top"].get_edgecolor()) == "#c53030"
    assert figure.get_supxlabel() == "25 % are of their picture's class"


def test_attention_lies_over_the_whole_image_and_speaks_only_for_the_class():
    figure = attention_maps(pixels(1, 8, 6, 3), [("Grad-CAM", np.array([[[-1.0, 2.0]]]))], ["cat"])
    _, heat = figure.axes[1].images
    assert heat.get_array().tolist() == [[0, 2]] and heat.get_extent() == [-0.5, 5.5, 7.5, -0.5]
