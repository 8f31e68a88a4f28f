"""Images side by side: a row a title."""

import numpy as np

from thinkkeras.plots import image_rows


def test_each_row_has_its_title_and_images(tmp_path):
    dark, grey = np.zeros((3, 4, 4, 1)), np.full((3, 4, 4, 3), 300.0)
    figure = image_rows({"dark": dark, "bright": grey}, tmp_path / "rows.png")
    assert len(figure.axes) == 6 and (tmp_path / "rows.png").stat().st_size > 0
    assert [axes.get_ylabel() for axes in figure.axes[::3]] == ["dark", "bright"]
    # What lies beyond 255 is white.
    assert figure.axes[3].images[0].get_array().max() == 255
