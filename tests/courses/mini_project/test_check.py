"""The check finds what is wrong, says it, and lets pass what is right."""

import json
import shutil
from types import SimpleNamespace

import keras
import numpy as np
import pytest

import deploy
from courses.grading import Mismatch
from courses.mini_project import check, commands, read_project, report
from courses.mini_project.examples import Examples, Split
from courses.mini_project.mistakes import MISTAKES
from courses.mini_project.project import FILE
from deploy.commands.targets import Verdict


@pytest.fixture
def copied(finished, tmp_path):
    """A copy of the finished project, to be changed."""
    return shutil.copytree(finished, tmp_path / "project")


def tell(folder, **changes):
    """Changes in `project.json`."""
    file = folder / FILE
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def messages(folder, *criteria):
    """What the check says of each criterion; "" where it passes."""
    return [result.message for result in check.check_project(read_project(folder), criteria)]


def test_what_a_trial_run_does_right_passes(finished):
    assert messages(finished, "data", "metric", "budget", "bundle", "report") == [""] * 5


def test_one_seed_is_too_few(finished):
    assert messages(finished, "baseline") == ["seeds: expected 3 or more, received 1"]


def test_leaked_test_images_are_found(copied):
    MISTAKES["leak"](copied)
    (message,) = messages(copied, "data")
    assert "expected at most 1% of 360, received 36, test example " in message


def test_the_wrong_metric_is_found(copied):
    MISTAKES["metric"](copied)
    (message,) = messages(copied, "metric")
    assert "expected the metric balanced_accuracy, received accuracy" in message
    tell(copied, metric="balanced_accuracy")
    (message,) = messages(copied, "metric")
    assert "balanced_accuracy, received" not in message


def test_a_network_over_budget_is_found(copied):
    MISTAKES["budget"](copied)
    space = {}
    exec((copied / "network.py").read_text(), space)
    model = space["build"]((8, 8, 1), 10, keras.layers.Rescaling(1 / 255))
    project = read_project(copied)
    model.save(project.model(0))
    x = np.random.default_rng(0).uniform(0, 255, (20, 8, 8, 1)).astype(np.float32)
    deploy.export(
        project.model(0), "cortex-m", out=project.bundle, calibration=x, overwrite=True, verbose=0
    )
    (message,) = messages(copied, "budget")
    assert message.startswith("macs of an inference: expected at most 1,000,000, received 3,")


def test_figures_that_are_not_of_the_test_set_are_found(copied):
    text = (copied / "report.md").read_text()
    score = report.marked(text, "results").splitlines()[-1].split("|")[3].strip()
    (copied / "report.md").write_text(text.replace(score, "99.99 %"))
    (message,) = messages(copied, "metric")
    assert "the report's results: expected those of the test set" in message
    assert "in the mean 99.99 %" in message and score in message


def test_a_bundle_of_another_network_is_found(copied):
    project = read_project(copied)
    model = keras.saving.load_model(project.model(0))
    model.layers[-1].bias.assign_add(np.ones(10))
    model.save(project.model(0))
    (message,) = messages(copied, "bundle")
    assert message == (
        "the bundle's Keras model: expected seed-0.keras, the first seed's, received another one"
    )


def test_what_is_missing_is_said_in_one_line(copied):
    shutil.rmtree(copied / "results")
    for message in messages(copied, "metric", "int8", "budget", "bundle"):
        assert "expected" in message and "\n" not in message


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("## Conclusion", "## The end", "received none called Conclusion"),
        ("Next would come", "> What would", "the section Conclusion: expected 25 words or more"),
        (
            "Nobody\nshould",
            "\n> What would you do next, and what should nobody use it for?\n",
            "expected an answer in place of the template's question",
        ),
    ],
)
def test_a_report_that_is_not_complete_is_found(copied, old, new, message):
    text = (copied / "report.md").read_text()
    assert old in text
    text = text.replace(old, new)
    if new.startswith("> "):
        text = text[: text.index(new)] + new
    (copied / "report.md").write_text(text)
    (received,) = messages(copied, "report")
    assert message in received


# What follows needs no network: the evidence is made up.


def evidence(network, baseline, **project):
    settings = {"seeds": (0, 1, 2), "margin": 1.0, "metric": "accuracy"} | project
    measured = report.Measured(list(baseline), list(network), np.zeros((2, 2), np.int64))
    return SimpleNamespace(project=SimpleNamespace(**settings), measured=measured)


@pytest.mark.parametrize(
    ("network", "margin", "message"),
    [
        ((0.93, 0.92, 0.94), 1.0, None),
        ((0.93, 0.92, 0.94), 4.0, "expected 4 points or more, .*received 3.00 ± 0.58 points"),
        # 2 points in the mean, and as much by chance.
        ((0.88, 0.90, 0.98), 1.0, "received 2.00 ± 3.06 points"),
        ((0.93, 0.92, 0.94), 0.5, "the margin in project.json: expected 1 point or more"),
    ],
)
def test_the_baseline_is_beaten_by_the_margin_over_seeds(
    monkeypatch, tmp_path, network, margin, message
):
    found = evidence(network, (0.90, 0.90, 0.90), margin=margin, examples=None)
    found.examples = None
    found.project.baseline = lambda seed: tmp_path / f"baseline-{seed}"
    found.project.model = lambda seed: tmp_path / f"seed-{seed}"
    for seed in range(3):
        for file in (found.project.baseline(seed), found.project.model(seed)):
            file.write_text(file.name)
    monkeypatch.setattr(keras.saving, "load_model", lambda path: None)
    monkeypatch.setattr(check, "build_baseline", lambda examples: None)
    monkeypatch.setattr(check, "_outline", lambda model: [])
    if message is None:
        check.check_baseline(found)
        shutil.copyfile(found.project.model(0), found.project.model(1))
        message = "expected one training for each seed, received copies of one file"
    with pytest.raises(Mismatch, match=message):
        check.check_baseline(found)


def analysis(text, confusions):
    x = np.zeros((1, 2))
    split = Split(x, np.zeros(1, np.int64))
    names = ["cat", "dog", "emu"]
    return SimpleNamespace(
        report=f"## Error analysis\n\n{text}\n",
        examples=Examples("rows", split, split, split, names, {}),
        measured=report.Measured([], [], np.array(confusions)),
    )


def test_the_most_frequent_confusion_has_to_be_named():
    confusions = [[9, 3, 0], [1, 9, 1], [0, 0, 9]]
    words = "because of many dark nights " * 10
    check.check_error_analysis(analysis(f"A cat becomes a dog {words}", confusions))
    with pytest.raises(Mismatch, match="'cat' taken for 'dog', received no word of it"):
        check.check_error_analysis(analysis(f"An emu becomes a dog {words}", confusions))
    with pytest.raises(Mismatch, match="expected 40 words or more beside tables, received 5"):
        check.check_error_analysis(analysis("the cat and the dog\n\n| a | b |", confusions))


@pytest.mark.parametrize(
    ("verdict", "message"),
    [
        (Verdict("ethos-u55-64", True, "fits", 1, 1, 900), None),
        (Verdict("ethos-u55-64", True, "fits", 1, 1, 1001), "at most 1,000, received 1,001"),
        (Verdict("ethos-u55-64", False, "SRAM 3 MiB"), "that it holds, received SRAM 3 MiB"),
    ],
)
def test_the_boards_memory_and_the_cycles(verdict, message):
    project = SimpleNamespace(target="ethos-u55-64", board="grove", budget={"cycles": 1000})
    found = SimpleNamespace(project=project, verdict=verdict)
    if message is None:
        check.check_budget(found)
        return
    with pytest.raises(Mismatch, match=message):
        check.check_budget(found)


def test_int8_may_lose_a_point():
    quality = {"keras": 0.9, "deployed": 0.88}
    project = SimpleNamespace(metric="accuracy")
    check.check_int8(SimpleNamespace(project=project, verified={"quality": quality, "loss": 1.0}))
    with pytest.raises(Mismatch, match="at most 1 point, received 1.01: 90.00% in Keras"):
        check.check_int8(
            SimpleNamespace(project=project, verified={"quality": quality, "loss": 1.01})
        )


def test_the_marks_leave_room_for_a_person():
    results = [check.Result(name, name != "int8", "why") for name in check.CHECKS]
    lines = check.marks(results).splitlines()
    assert lines[4].startswith(" 0 of  6  int8") and lines[4].endswith("why")
    assert lines[8] == "44 of 50  measured"
    assert lines[-1] == "__ of 50  judged by a person"
    assert set(check.CHECKS) == {row["name"] for row in check.read_rubric()["measured"]}


@pytest.mark.slow
def test_the_worked_example_reaches_full_marks(tmp_path, capsys):
    assert commands.example(str(tmp_path / "example"), None) == 0
    assert "50 of 50  measured" in capsys.readouterr().out
