"""The figures of finding and counting: what they draw, and the file they write."""

import numpy as np
import pytest
from matplotlib.image import imread

from thinkkeras.metric_plots import count_scatter, precision_recall_curves

CLASSES = ["balloon", "kite", "bird"]
TRUTHS = [{"boxes": [[0, 0, 10, 10], [20, 0, 30, 10], [0, 20, 9, 29]], "labels": [0, 0, 1]}]
PREDICTIONS = [
    {
        "boxes": [[0, 0, 10, 10], [50, 0, 60, 10], [20, 0, 30, 10]],
        "labels": [0, 0, 0],
        "scores": [0.9, 0.8, 0.7],
    }
]


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_a_curve_and_its_envelope_for_each_class(tmp_path):
    path = tmp_path / "curves.png"
    figure = precision_recall_curves(TRUTHS, PREDICTIONS, CLASSES, path, score=0.8)
    (axes,) = figure.axes
    # Nothing is said of birds, of which there are none.
    ap50 = 100 * (51 + 50 * 2 / 3) / 101
    assert legend(figure) == [f"balloon, AP50 {ap50:.1f} %", "kite, AP50 0.0 %", "score 0.80"]
    curve, envelope, mark, *_ = axes.lines
    np.testing.assert_allclose(curve.get_xdata(), [0, 1 / 2, 1 / 2, 1, 1])
    np.testing.assert_allclose(curve.get_ydata(), [1, 1, 1 / 2, 2 / 3, 0])
    np.testing.assert_allclose(envelope.get_ydata(), [1, 1, 2 / 3, 2 / 3, 0])
    # Two detections reach the score; one is right.
    np.testing.assert_allclose([mark.get_xdata(), mark.get_ydata()], [[1 / 2], [1 / 2]])
    assert imread(path).std() > 0.01 and [path] == list(tmp_path.iterdir())


def test_curves_need_objects():
    nothing = {"boxes": [], "labels": []}
    with pytest.raises(ValueError, match="at least one object in the truths, received none"):
        precision_recall_curves([nothing], PREDICTIONS, CLASSES)


def test_discs_hold_the_pictures(tmp_path):
    path = tmp_path / "counts.png"
    true, predicted = [2, 2, 2, 2, 3, 0], [2, 2, 2, 1, 3, 2]
    (axes,) = count_scatter(true, predicted, path).axes
    (discs,) = axes.collections
    assert discs.get_offsets().tolist() == [[0, 2], [2, 1], [2, 2], [3, 3]]
    assert [text.get_text() for text in axes.texts] == ["1", "1", "3", "1"]
    sizes = discs.get_sizes()
    np.testing.assert_allclose(sizes / sizes[2], [1 / 3, 1 / 3, 1, 1 / 3])
    colours = discs.get_facecolors()
    assert np.array_equal(colours[0], colours[1]) and np.array_equal(colours[2], colours[3])
    assert not np.array_equal(colours[1], colours[2])
    assert axes.get_title(loc="left") == "66.7 % of 6 pictures exact, 0.50 off on average"
    assert imread(path).std() > 0.01


def test_many_different_counts_carry_no_numbers():
    true = np.arange(100)
    assert not count_scatter(true, true[::-1]).axes[0].texts


def test_counts_must_agree():
    for true in ([1, 2], []):
        with pytest.raises(ValueError, match=f"at least one, received 0 and {len(true)}"):
            count_scatter(true, [])
