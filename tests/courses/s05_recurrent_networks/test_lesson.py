"""Session 5's run: what it keeps for the command line; what int8 costs in the record."""

import re
from types import SimpleNamespace

import pytest

from benchmarks import tables
from deploy import runtime


@pytest.fixture(scope="module")
def record():
    return SimpleNamespace(**tables.read_record("s05-generated"))


@pytest.mark.slow
def test_what_it_keeps_is_heard_and_read_by_the_bundles(lesson_run):
    out, printed = lesson_run("s05")
    bundles = out / "deploy" / "cpu"
    said = re.search(r"^said: +(.+)$", printed, re.MULTILINE)[1].split()
    assert len(said) == 5
    words = list(runtime.stream(runtime.load(bundles / "speech"), out / "words.wav"))
    # Sixteen bits may round a per cent differently, not a word.
    heard = re.findall(r"([a-z]+) \(", re.search(r"^heard: *(.*)$", printed, re.MULTILINE)[1])
    assert [event.text.split(" (")[0] for event in words] == heard
    labels = (bundles / "speech" / "labels.txt").read_text("utf-8").split()
    assert len(labels) == 10 and set(said) <= set(labels)
    assert runtime.load(bundles / "speech").predict(out / "word.wav")["label"] in labels
    text = runtime.load(bundles / "strings").predict(out / "string.wav")["text"]
    assert set(text.split()) <= set(labels)
    pieces = (out / "pieces.fasta").read_text("utf-8").splitlines()
    assert [len(line) for line in pieces[1::2]] == [60] * 5


@pytest.mark.parametrize(
    "part", ["", "small", "strings_deployed", "sentiment_deployed", "dna_deployed"]
)
def test_int8_costs_no_more_than_a_point(record, part):
    if part:
        header, *rows = record.tables[part]
        keras, deployed = (
            [float(row[header.index(column)].split()[0]) for row in rows]
            for column in (next(name for name in header if name.startswith("Keras ")), "deployed")
        )
    else:
        qualities = [each["quality"] for each in record.targets.values()]
        keras, deployed = (
            [100 * each[which] for each in qualities] for which in ("keras", "deployed")
        )
    assert len(keras) == 4
    assert deployed == pytest.approx(keras, abs=1)


def test_every_toy_is_learned(record):
    assert record.test_accuracy >= 0.95
    bleu = {row[0]: float(row[3]) for row in record.tables["translation"][1:]}
    assert bleu["additive"] > 95 and bleu["dot product"] > 95 and bleu["transformer"] > 80
    assert float(record.tables["sentiment"][1][2].rstrip("%")) > 95
    assert float(record.tables["dna"][1][2].split()[0]) > 85
    greedy, beam = (float(row[1].rstrip("%")) for row in record.tables["strings"][1:])
    assert beam <= greedy < 20
    solved = {row[0]: row[2] for row in record.tables["adding"][1:]}
    assert solved == {"always 1": "no", "SimpleRNN": "no", "GRU": "yes", "LSTM": "yes"}
