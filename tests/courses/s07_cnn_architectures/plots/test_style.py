"""Style transfer's figures: what they say, and that each one is drawn."""

import numpy as np
import pytest

from courses.s07_cnn_architectures.experiments.style import Snapshot
from courses.s07_cnn_architectures.plots import style

PICTURE = np.full((8, 12, 3), 100, "uint8")
SNAPSHOTS = [Snapshot(0, PICTURE, 0.5, 0.0), Snapshot(4, PICTURE, 0.1, 0.7)]


@pytest.mark.parametrize(
    ("draw", "arguments"),
    [
        (style.picture_grid, ([{"photograph": PICTURE, "": PICTURE[:, :8]}, {"one": PICTURE}],)),
        (style.progress, (SNAPSHOTS,)),
        (style.what_layers_hold, (["conv1", "fire3"], [PICTURE] * 2, [PICTURE] * 2)),
    ],
)
def test_figures_are_drawn(draw, arguments, tmp_path):
    path = tmp_path / "figures" / "figure.png"
    draw(*arguments, path)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_pictures_keep_their_proportions():
    figure = style.picture_grid([{"wide": PICTURE, "square": PICTURE[:, :8]}])
    figure.draw_without_rendering()
    wide, square = (axes.get_window_extent() for axes in figure.axes)
    assert wide.width / wide.height == pytest.approx(12 / 8, rel=0.01)
    assert wide.height == pytest.approx(square.height, rel=0.02)
    assert [axes.get_title() for axes in figure.axes] == ["wide", "square"]


def test_progress_draws_all_and_shows_four():
    snapshots = [Snapshot(step, PICTURE, 1 / (1 + step), 0.1 * step) for step in range(7)]
    figure = style.progress(snapshots)
    *shown, lack_of_style, lack_of_content = figure.axes
    assert [axes.get_title() for axes in shown] == ["step 0", "step 2", "step 4", "step 6"]
    for axes, values in (
        (lack_of_style, [1 / (1 + step) for step in range(7)]),
        (lack_of_content, [0.1 * step for step in range(7)]),
    ):
        np.testing.assert_array_equal(axes.lines[0].get_xydata().T, [range(7), values])


def test_layers_are_named_as_they_add_up():
    figure = style.what_layers_hold(["conv1", "fire3"], [PICTURE] * 2, [PICTURE] * 2)
    assert [axes.get_title() for axes in figure.axes] == ["conv1", "… and fire3", "conv1", "fire3"]
