"""Sentences, pairs of them, pieces of words, and the builder of Multi30k."""

import gzip
import os

import numpy as np
import pytest

from thinkkeras.datasets import load_sentences, load_translations
from thinkkeras.datasets.builders.multi30k import FILES
from thinkkeras.datasets.sentences import RUN
from thinkkeras.datasets.subwords import SPECIAL, WORD, learn_subwords
from thinkkeras.datasets.translations import _MONTHS, _ORDINALS

real = pytest.mark.skipif("TFDS_DATA_DIR" not in os.environ, reason="needs TFDS_DATA_DIR")


def test_templated_sentences_mean_what_their_label_says():
    train, validation, test = load_sentences()
    assert [len(part.texts) for part in (train, validation, test)] == [2000, 400, 400]
    for part in (train, validation, test):
        assert abs(part.labels.mean() - 0.5) < 0.05
        for text, label in zip(part.texts, part.labels, strict=True):
            words = set(text.split())
            good = words & {"charming", "funny", "gripping", "brilliant", "warm", "clever"}
            bad = words & {"dull", "tedious", "clumsy", "shallow", "lifeless", "predictable"}
            negated = "not" in words or "never" in words
            if good or bad:
                assert bool(good) != bool(bad)
                assert (bool(good) != negated) == bool(label), text


def test_dates_are_the_same_day_in_words_and_digits():
    splits = load_translations()
    assert [len(part.source) for part in splits] == [3200, 400, 400]
    days = [set(part.target) for part in splits]
    assert not days[0] & days[1] and not days[0] & days[2] and not days[1] & days[2]
    for source, target in zip(splits[0].source, splits[0].target, strict=True):
        year, month, day = target.split("-")
        assert year in source and _MONTHS[int(month) - 1][:3] in source
        assert str(int(day)) in source.replace(year, "") or _ORDINALS[int(day) - 1] in source


@pytest.mark.parametrize("load", [load_sentences, load_translations])
def test_an_unknown_name_is_refused(load):
    with pytest.raises(ValueError, match=r"expected '\w+' or '[\w/]+', received 'imdb'"):
        load("imdb")


def test_pieces_joined_are_the_text():
    texts = load_translations()[0].source
    pieces = learn_subwords(texts, 150)
    assert pieces[:4] == SPECIAL and len(pieces) == 150 == len(set(pieces))
    assert set("".join(texts)) - {" "} <= set(pieces)
    assert f"{WORD}the" in pieces and f"{WORD}of" in pieces
    assert learn_subwords(texts, 150) == pieces
    # Greedy from the left, as the device does it.
    text, ids = WORD + texts[0].replace(" ", WORD), []
    rest = text
    while rest:
        piece = max((one for one in pieces if rest.startswith(one)), key=len)
        ids.append(piece)
        rest = rest[len(piece) :]
    assert "".join(ids) == text and len(ids) < len(text) / 2


def test_too_few_pieces_for_the_characters_are_refused():
    with pytest.raises(ValueError, match="size of at least 9 pieces for their 4 characters"):
        learn_subwords(["ab cb"], 8)


def test_multi30k_is_read_from_its_files(monkeypatch, tmp_path):
    downloads = tmp_path / "downloads"
    downloads.mkdir()
    for number, name in enumerate(FILES.values()):
        for language, text in (("en", "A dog.\nTwo cats. \n"), ("fr", "Un chien.\nDeux chats.\n")):
            content = gzip.compress(text.encode() * (number + 1))
            (downloads / f"{name}.{language}.gz").write_bytes(content)
    monkeypatch.setenv("THINKKERAS_DOWNLOADS", str(downloads))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    train, validation, test = load_translations("multi30k")
    assert train == (["A dog.", "Two cats."], ["Un chien.", "Deux chats."])
    assert [len(part.source) for part in (train, validation, test)] == [2, 4, 6]


@real
@pytest.mark.slow
def test_no_long_phrase_of_the_validation_set_is_trained():
    train, validation, test = load_sentences("glue/sst2")
    assert len(validation.texts) == 1000 and len(test.texts) == 872
    assert 50_000 < len(train.texts) < 67_349 - 1000
    assert min(len(text.split()) for text in validation.texts) >= 12
    trained = {
        tuple(words[k : k + RUN])
        for words in map(str.split, train.texts)
        for k in range(len(words) - RUN + 1)
    }
    for text in validation.texts[:100]:
        words = text.split()
        assert not any(tuple(words[k : k + RUN]) in trained for k in range(len(words) - RUN + 1))
    assert np.isin(test.labels, [0, 1]).all()
