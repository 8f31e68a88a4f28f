"""The figures of sequences: what they draw."""

import numpy as np
import pytest
from matplotlib.image import imread

from thinkkeras.plots import (
    attention_map,
    sequence_logos,
    spectrograms,
    symbol_probabilities,
    word_weights,
)


def test_each_recording_stands_above_its_spectrogram(tmp_path):
    recordings = [np.sin(np.arange(n) / 9) for n in (4000, 8000, 2000)]
    shown = [np.full((61, 40), float(k)) for k in range(3)]
    path = tmp_path / "spectrograms.png"
    figure = spectrograms(
        recordings, shown, ["one", "two", "three"], rate=8000, hop=128, columns=2, path=path
    )
    waves = [axes for axes in figure.axes if axes.lines]
    assert [axes.get_title() for axes in waves] == ["one", "two", "three"]
    assert [len(axes.lines[0].get_xdata()) for axes in waves] == [4000, 8000, 2000]
    pictures = [axes.images[0] for axes in figure.axes if axes.images]
    assert [picture.get_array().mean() for picture in pictures] == [0, 1, 2]
    assert pictures[0].get_extent() == pytest.approx([0, 61 * 128 / 8000, 0, 40])
    assert imread(path).std() > 0.01


def test_symbols_stand_where_they_begin_above_what_is_heard(tmp_path):
    spectrogram = np.arange(50 * 8.0).reshape(50, 8)
    probabilities = np.full((25, 3), [0.9, 0.1, 0.0])
    probabilities[10] = [0.1, 0.2, 0.7]
    path = tmp_path / "strings.png"
    figure = symbol_probabilities(
        spectrogram, probabilities, ["blank", "a", "b"], [(10, "b")], rate=1000, hop=20, path=path
    )
    heard, symbols = figure.axes
    assert heard.images[0].get_array().tolist() == spectrogram.T.tolist()
    assert symbols.images[0].get_array().tolist() == probabilities.T.tolist()
    extents = [axes.images[0].get_extent() for axes in (heard, symbols)]
    assert extents == [[0, 1, 0, 8], [0, 1, 2.5, -0.5]]
    assert [label.get_text() for label in symbols.get_yticklabels()] == ["blank", "a", "b"]
    (name,) = heard.texts
    assert (name.get_text(), name.xy[0]) == ("b", pytest.approx(0.42))  # of the step's 0.40 to 0.44
    assert [axes.lines[0].get_xdata()[0] for axes in (heard, symbols)] == pytest.approx([0.42] * 2)
    assert imread(path).std() > 0.01


def test_a_row_a_written_word_a_column_a_read_one():
    weights = np.array([[0.9, 0.1, 0.0], [0.2, 0.2, 0.6]])
    (axes,) = attention_map(weights, ["a", "red", "car"], ["une", "voiture"]).axes
    assert axes.images[0].get_array().tolist() == weights.tolist()
    assert [label.get_text() for label in axes.get_xticklabels()] == ["a", "red", "car"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["une", "voiture"]


def test_words_are_green_for_the_class_and_red_against_it():
    figure = word_weights([["good", "so", "bad"]], [[2.0, 0.0, -1.0]], ["positive"])
    words = {text.get_text(): text for text in figure.axes[0].texts}
    red, green = (
        {w: words[w].get_bbox_patch().get_facecolor()[k] for w in ("good", "so", "bad")}
        for k in (0, 1)
    )
    assert green["good"] > red["good"] + 0.2 and red["bad"] > green["bad"] + 0.1
    assert "positive" in words


def test_words_without_weight_are_white_and_none_lies_on_another():
    sentences = [["never", "brilliant", ",", "so", "so"], ["a" * 30, "b" * 95, "last"]]
    figure = word_weights(sentences, [[-1.0, 0.0, 1.0, 0.5, 0.0], [0.0] * 3], ["negative", "no"])
    texts = [text for text in figure.axes[0].texts if text.get_bbox_patch()]
    assert texts[1].get_bbox_patch().get_facecolor() == pytest.approx((1, 1, 1, 1), abs=0.01)
    figure.draw_without_rendering()
    boxes = [text.get_bbox_patch().get_window_extent() for text in texts[:5]]
    gaps = [after.x0 - before.x1 for before, after in zip(boxes, boxes[1:], strict=False)]
    assert min(gaps) > 0 and max(gaps) - min(gaps) < 5  # pixels
    assert figure.axes[0].texts[-1].get_text() == "…"  # what does not fit is told
    assert max(box.x1 for box in boxes) < figure.bbox.x1


def test_letters_are_as_high_as_their_information():
    shares = np.array([[0.25] * 4, [0, 0, 1, 0], [0.5, 0, 0, 0.5]])
    figure = sequence_logos([("EI", shares)], first=29, importance=[np.array([0.0, 1.0, 0.5])])
    axes = figure.axes[0]
    boxes = [patch.get_path().get_extents(patch.get_patch_transform()) for patch in axes.patches]
    moved = [
        patch.get_window_extent().transformed(axes.transData.inverted()) for patch in axes.patches
    ]
    assert len(boxes) == 3  # nothing at the first place, G, then A and T
    heights = sorted(round(float(box.height), 2) for box in moved)
    assert heights == pytest.approx([0.5, 0.5, 2.0], abs=0.02)
    assert axes.get_title(loc="left") == "EI"
    assert list(figure.axes[1].lines[0].get_xdata()) == [29, 30, 31]
