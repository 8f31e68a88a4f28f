"""Pieces of DNA, their folds, and the builder of the splice junctions."""

import os

import numpy as np
import pytest

from thinkkeras.datasets import load_sequences
from thinkkeras.datasets.sequences import Sequences, consensus, folds

downloads = os.environ.get("THINKKERAS_DOWNLOADS", "")
real = pytest.mark.skipif(
    not os.path.isfile(os.path.join(downloads, "splice.data")),
    reason="needs splice.data in THINKKERAS_DOWNLOADS",
)


def test_motifs_stand_in_the_middle():
    pieces = load_sequences()
    assert len(pieces.letters) == 1200 and {len(one) for one in pieces.letters} == {60}
    assert pieces.class_names == ["EI", "IE", "N"] and np.bincount(pieces.labels).min() > 350
    for text, label in zip(pieces.letters, pieces.labels, strict=True):
        assert set(text) <= set("ACGT")
        assert label != 0 or text[30:32] == "GT"
        assert label != 1 or text[28:30] == "AG"
    assert load_sequences().letters == pieces.letters


def test_ambiguous_letters_count_in_parts():
    shares = consensus(["AN", "CR", "AT", "GG"])
    assert shares.tolist() == [[0.5, 0.25, 0.25, 0.0], [0.1875, 0.0625, 0.4375, 0.3125]]


def test_equal_pieces_are_in_one_fold():
    letters = [f"{number:03d}" for number in range(90)] + ["000", "001"] * 5
    pieces = Sequences(letters, np.array([0, 1] * 50), ["a", "b"])
    tested = []
    for train, test in folds(pieces, count=5, seed=1):
        assert not {letters[k] for k in train} & {letters[k] for k in test}
        assert len(train) + len(test) == 100
        tested += test.tolist()
    assert sorted(tested) == list(range(100))


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match="expected 'motifs' or 'splice', received 'genome'"):
        load_sequences("genome")


@pytest.fixture
def folders(monkeypatch, tmp_path):
    (tmp_path / "downloads").mkdir()
    lines = ["EI,  A-DONOR-1,     ACGTN", "", "N,B-NEG-2,TTTTT", "IE,C-ACCEPTOR-3,  GGDRS"]
    (tmp_path / "downloads" / "splice.data").write_text("\n".join(lines))
    monkeypatch.setenv("THINKKERAS_DOWNLOADS", str(tmp_path / "downloads"))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))


def test_lines_become_pieces_in_their_order(folders):
    pieces = load_sequences("splice")
    assert pieces.letters == ["ACGTN", "TTTTT", "GGDRS"]
    assert pieces.labels.tolist() == [0, 2, 1]


@real
def test_the_real_file_has_its_known_counts(monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    pieces = load_sequences("splice")
    assert np.bincount(pieces.labels).tolist() == [767, 768, 1655]
    assert len(set(pieces.letters)) == 3005
    borders = [one for one, label in zip(pieces.letters, pieces.labels, strict=True) if label == 0]
    assert consensus(borders)[30, 2] > 0.99 and consensus(borders)[31, 3] > 0.98  # GT
