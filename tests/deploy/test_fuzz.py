"""A slice of `make fuzz`, and that it finds what it looks for."""

import json
import shutil

import numpy as np
import pytest

from tests.deploy import fuzz

QUICK = ("classification", "sequences", "anomaly")


@pytest.fixture(scope="session")
def cases(once):
    """The bundles and inputs of some tasks."""

    def make(folder):
        for case in fuzz.CASES:
            if case.task in QUICK:
                (folder / case.task).mkdir(parents=True)
                case.make(folder / case.task)

    return once("fuzz", make)


def test_nothing_spoiled_breaks_the_device(cases, monkeypatch):
    monkeypatch.setattr(fuzz, "CASES", [case for case in fuzz.CASES if case.task in QUICK])
    told = []
    found = fuzz.fuzz(cases, tries=150, seed=0, told=told.append)
    assert not told and set(found) == set(QUICK)
    for counts in found.values():
        assert set(counts) <= {"answered", "refused", "noticed"} and counts["refused"] > 5


@pytest.mark.parametrize(
    ("main", "outcome"),
    [
        ("raise RuntimeError('no')", "traceback"),
        ("os.kill(os.getpid(), 9)", "crash"),
        ("time.sleep(60)", "hang"),
        ("open('drawn.png', 'wb').write(b'half')", "half a file"),
        ("print('another answer')", "wrong answer"),
        ("print('d: error: no', file=sys.stderr); return 2", "refused"),
    ],
)
def test_each_fault_is_found(main, outcome, tmp_path, monkeypatch):
    names = {}
    exec(f"import os, sys, time\ndef main(arguments):\n    {main}\n    return 0", names)
    monkeypatch.setattr("deploy.runtime.__main__.main", names["main"])
    monkeypatch.setattr(fuzz, "SECONDS", 1)
    (tmp_path / "spoiled").mkdir()
    received = fuzz.tried(tmp_path / "spoiled", ("run",), "the answer", tmp_path / "printed.txt")
    assert received == outcome


def test_a_changed_model_never_answers(cases, tmp_path):
    for seed in range(20):
        shutil.rmtree(tmp_path / "spoiled", ignore_errors=True)
        shutil.copytree(cases / "classification", tmp_path / "spoiled")
        model = tmp_path / "spoiled" / "bundle" / "model.tflite"
        whole = model.read_bytes()
        spoiled = fuzz.spoil(whole, model.name, np.random.default_rng(seed))
        model.write_bytes(spoiled)
        run = ("run", "bundle", "image.png")
        outcome = fuzz.tried(tmp_path / "spoiled", run, "", tmp_path / "printed.txt")
        assert outcome == "refused" or spoiled == whole


def test_values_of_json_are_exchanged():
    card = json.dumps({"a": [1, 2], "b": {"c": "d"}}).encode()
    made = {fuzz.spoil(card, "card.json", np.random.default_rng(seed)) for seed in range(60)}
    assert len(made) > 40
