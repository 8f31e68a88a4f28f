"""How an example becomes the numbers of an input: told or found out at export, kept by the card."""

import json

import keras
import numpy as np
import pytest

import deploy
from deploy import DeployError, runtime
from deploy.load.inputs import find_front_ends
from deploy.load.readers import load
from deploy.runtime.__main__ import main
from deploy.runtime.inputs import FRONT_ENDS
from tests.deploy import tally_marks

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3)).astype("float32")
RESCALING = keras.layers.Rescaling
IMAGE = {"kind": "image", "size": [8, 8], "channels": 3}


def network(*layers):
    keras.utils.set_random_seed(0)
    last = keras.layers.Conv2D(2, 3, name="out")
    return keras.Sequential([keras.Input((8, 8, 3), name="image"), *layers, last])


@pytest.mark.parametrize(
    ("layers", "examples", "ends"),
    [
        ([RESCALING(1 / 255)], None, (0, 255)),
        ([keras.Sequential([keras.Input((8, 8, 3)), RESCALING(1 / 255)])], None, (0, 255)),
        ([], PIXELS, (0, 255)),
        ([], PIXELS / 255, (0, 1)),
        ([], PIXELS / 127.5 - 1, (-1, 1)),
        ([], PIXELS - 120, (None, None)),
        ([], None, (None, None)),
    ],
)
def test_black_and_white_are_found_out(layers, examples, ends):
    arrays = None if examples is None else [examples]
    found = find_front_ends(load(network(*layers)), None, arrays)
    assert found == [IMAGE | {"black": ends[0], "white": ends[1]}]


def test_an_input_that_is_no_image_takes_arrays():
    model = keras.Sequential([keras.Input((8, 8, 2)), keras.layers.Flatten()])
    assert find_front_ends(load(model), None, None) == [{"kind": "array"}]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([{"kind": "image"}] * 2, "a front end for each of 1 inputs, received 2"),
        ({"kind": "scent"}, "received 'scent'"),
        ({"kind": "image", "black": 3, "white": 3}, "two numbers black and white"),
    ],
)
def test_a_front_end_that_does_not_fit_is_refused(given, message, tmp_path):
    with pytest.raises(DeployError, match=message):
        deploy.export(network(), "cpu-float", out=tmp_path / "b", front_end=given, verbose=0)
    assert list(tmp_path.iterdir()) == []


def test_black_and_white_are_told(tmp_path):
    model, out = network(), tmp_path / "bundle"
    told = {"kind": "image", "black": -2, "white": 3}
    card = deploy.export(model, "cpu-float", out=out, front_end=told, verbose=0)
    assert card["inputs"][0]["front_end"] == IMAGE | {"black": -2, "white": 3}
    for pixel, number in ((0, -2.0), (255, 3.0)):
        received = runtime.load(out).predict(np.full((20, 20, 3), pixel, "uint8"))
        expected = model.predict(np.full((1, 8, 8, 3), number), verbose=0)
        np.testing.assert_allclose(received["outputs"]["out"], expected[0], rtol=1e-4, atol=1e-4)


def test_images_of_unknown_units_are_refused(tmp_path):
    model, out = network(), tmp_path / "bundle"
    deploy.export(model, "cpu-float", out=out, verbose=0)
    with pytest.raises(DeployError, match="black and white is not known"):
        runtime.load(out).predict(np.full((20, 20, 3), 255, "uint8"))
    (received,) = runtime.load(out).predict(PIXELS[0])["outputs"].values()
    expected = model.predict(PIXELS[:1], verbose=0)[0]
    np.testing.assert_allclose(received, expected, rtol=1e-4, atol=1e-3)


@pytest.fixture(scope="module")
def sequences(tmp_path_factory):
    """A bundle that tells which of four letters a sequence of six has most of."""
    path, shape = tmp_path_factory.mktemp("sequences") / "bundle", (6, 4)
    layers = [keras.Input(shape, name="dna"), keras.layers.GlobalAveragePooling1D()]
    model = keras.Sequential([*layers, keras.layers.Softmax()], name="most")
    told = {"kind": "one_hot_sequence", "letters": "ACGT", "ambiguous": {"N": "ACGT"}}
    names, task = list("ACGT"), {"task": "classification"}
    deploy.export(
        model, "cpu-float", out=path, front_end=told, class_names=names, task=task, verbose=0
    )
    return path


def test_the_command_line_reads_sequences(sequences, tmp_path, capsys):
    (tmp_path / "a.fasta").write_text(">one the first\nacg\nGGG\n>two\nNNNTTT\n")
    (tmp_path / "b.txt").write_text("CCCAAC\n")
    paths = [str(tmp_path / name) for name in ("a.fasta", "b.txt")]
    assert main(["run", str(sequences), *paths, "AAAAAC"]) == 0
    lines = [line.rsplit(" (")[0] for line in capsys.readouterr().out.splitlines()]
    assert lines == ["one: G", "two: T", f"{paths[1]}: C", '"AAAAAC": A']


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected a sequence, received an empty one, 'x.fasta'"),
        (b">one\n", "expected a sequence, received an empty one, 'one'"),
        (b">one\nACGUAC", "expected letters of ACGTN, received 'U' at position 4 of 'ACGUAC'"),
        (b">one\nHELLO!", "expected letters of ACGTN, received 'H' at position 1"),
        (b">one\nACGTA", "expected a sequence of 6 letters, received 5: 'ACGTA'"),
        (b">one\n" + 1000 * b"ACGT", "expected a sequence of 6 letters, received 4000: 'ACGT"),
        (b"\xff\xfe\x00", "which is none: 'utf-8' codec"),
        (None, "received 'x.fasta', which does not exist"),
    ],
)
def test_what_is_no_sequence_is_told_in_one_line(
    content, message, sequences, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    if content is not None:
        (tmp_path / "x.fasta").write_bytes(content)
    assert main(["run", str(sequences), "x.fasta"]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


TALLY = {"kind": "tally_marks", "stroke": "|"}


@pytest.fixture
def tally(monkeypatch, tmp_path):
    """A network that reads three groups of strokes, and its bundle: a row in the table is all."""
    monkeypatch.setitem(FRONT_ENDS, "tally_marks", tally_marks)
    keras.utils.set_random_seed(0)
    layers = [keras.Input((3,), name="groups"), keras.layers.Dense(2, activation="softmax")]
    model = keras.Sequential(layers, name="reader")
    x = np.random.default_rng(0).integers(0, 6, (64, 3)).astype("float32")
    out = tmp_path / "bundle"
    deploy.export(model, "cpu", out=out, calibration=x, front_end=TALLY, verbose=0)
    return model, out


def test_a_made_up_front_end_is_a_module_and_a_row(tally, tmp_path, capsys):
    model, out = tally
    assert json.loads((out / "card.json").read_text())["inputs"][0]["front_end"] == TALLY
    device, text, row = runtime.load(out), "| |||| ||", np.array([1, 4, 2], "float32")
    expected = model.predict(row[None], verbose=0)[0]
    for example in (text, {"groups": text}, row):
        received = device.predict(example)["probabilities"]
        np.testing.assert_allclose(received, expected, atol=0.02)
    (tmp_path / "texts").mkdir()
    for name in ("a.tally", "b.tally"):
        (tmp_path / "texts" / name).write_text(f"{text}\n|| | |\n")
    path = tmp_path / "texts" / "a.tally"
    np.testing.assert_array_equal(device.predict(path)["probabilities"], received)
    assert main(["run", str(out), str(path), str(tmp_path / "texts")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{path}, line 1: ") and lines[1].startswith(f"{path}, line 2: ")
    assert len(lines) == 7 and lines[6].startswith(f"{tmp_path / 'texts'}: 4 tallies, ")
    assert len({line.split(": ")[1] for line in (lines[0], lines[2], lines[4])}) == 1
    assert main(["run", str(out), str(path), "--draw", str(tmp_path / "out.png")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    with pytest.raises(DeployError, match="expected 3 groups of |, received '| x |'"):
        device.predict("| x |")
    assert main(["run", str(out), str(path), "--stream"]) == 2
    assert "the first of the front end tally_marks" in capsys.readouterr().err


def test_a_bundle_of_an_unknown_front_end_is_refused(tally, monkeypatch):
    monkeypatch.delitem(FRONT_ENDS, "tally_marks")
    with pytest.raises(DeployError, match="for the input 'groups', received 'tally_marks'"):
        runtime.load(tally[1])
