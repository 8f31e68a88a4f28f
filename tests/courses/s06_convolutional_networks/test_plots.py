"""Session 6's figures: what they state in numbers, and that each one is drawn."""

import numpy as np
import pytest

from courses.s06_convolutional_networks import plots
from thinkkeras.inspection import ReceptiveField

FIELDS = [
    ReceptiveField("c1", "convolution", 5, 1, (28, 28, 6), 5, 1),
    ReceptiveField("s2", "pooling", 2, 2, (14, 14, 6), 6, 2),
    ReceptiveField("c3", "convolution", 5, 1, (10, 10, 16), 14, 2),
    ReceptiveField("s4", "pooling", 2, 2, (5, 5, 16), 16, 4),
    ReceptiveField("c5", "convolution", 5, 1, (1, 1, 120), 32, 4),
]


def test_one_output_pixel_shows_the_sum(tmp_path):
    image, kernel = np.arange(64).reshape(8, 8), np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    figure = plots.one_output_pixel(image, kernel, (2, 1))
    # Row 2, column 1: right less left is 2 in each row, weighed 1, 2, 1.
    assert figure.get_suptitle().endswith("=  8")
    assert figure.get_suptitle().startswith("− 1·17  + 1·19  − 2·25  + 2·27")


def _photograph():
    return np.tile(np.linspace(0, 255, 30), (20, 1))


@pytest.mark.parametrize(
    ("draw", "arguments"),
    [
        (plots.one_output_pixel, (np.zeros((8, 8)), np.ones((3, 2)), (0, 0))),
        (
            plots.kernel_responses,
            (_photograph(), np.ones((3, 3, 2)), np.ones((20, 30, 2)), ["one", "two"]),
        ),
        (plots.receptive_fields, (FIELDS, 32)),
    ],
)
def test_figures_are_drawn(draw, arguments, tmp_path):
    path = tmp_path / "figures" / "figure.png"
    figure = draw(*arguments, path)
    assert path.read_bytes().startswith(b"\x89PNG")
    assert figure.axes
