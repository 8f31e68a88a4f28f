"""A project's folder: made whole or not at all, and what its file may say."""

import json
from pathlib import Path

import keras
import pytest

from courses import __main__ as courses_main
from courses.mini_project import baseline, load_examples, read_project
from courses.mini_project.project import FILE, default_target

GOOD = {
    "data": "digits",
    "reading": {},
    "board": "nano-33-ble",
    "target": "cortex-m",
    "metric": "accuracy",
    "seeds": [0, 1, 2],
    "margin": 1.0,
    "budget": {"macs": 1000},
}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metric": "f1"}, "expected the metric accuracy or balanced_accuracy"),
        ({"seeds": []}, "expected seeds, whole numbers"),
        ({"seeds": [0.5]}, "expected seeds, whole numbers"),
        ({"margin": "much"}, "expected a margin in points"),
        ({"target": "ethos-u55-128"}, "expected a target of the board nano-33-ble"),
        ({"target": "cortex"}, "cortex-m"),
        ({"board": "nano"}, "nano-33-ble"),
        ({"budget": {"cycles": 5}}, 'expected the budget {"macs": NUMBER} for cortex-m'),
        ({"more": 1}, "received data, reading, .*more"),
    ],
)
def test_a_file_that_says_something_impossible(tmp_path, changes, message):
    (tmp_path / FILE).write_text(json.dumps(GOOD | changes))
    with pytest.raises(ValueError, match=message):
        read_project(tmp_path)


def test_a_folder_without_the_file(tmp_path):
    with pytest.raises(ValueError, match="expected a project's folder"):
        read_project(tmp_path)
    (tmp_path / FILE).write_text("{")
    with pytest.raises(ValueError, match="expected JSON"):
        read_project(tmp_path)


@pytest.mark.parametrize(
    ("board", "target"),
    [
        ("nano-33-ble", "cortex-m"),
        ("grove-vision-ai-v2", "ethos-u55-64"),
        ("alif-e7", "ethos-u55-256"),
        ("imx93", "ethos-u65-256"),
    ],
)
def test_a_board_runs_the_network_on_its_accelerator(board, target):
    assert default_target(board) == target


def test_a_new_project_can_be_read_and_has_its_baseline(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(baseline, "_EPOCHS", dict.fromkeys(baseline._EPOCHS, 1))
    # Windows of four rows: 40 of one class, 20 of the other.
    rows = [f"{step},{step % 7},{'idle' if step < 160 else 'shake'}" for step in range(240)]
    Path("rows.csv").write_text("\n".join(["x,y,class", *rows]))
    arguments = ["project", "new", "mine", "--data", "rows.csv", "--board", "alif-e7"]
    arguments += ["--reading", "window=4"]
    assert courses_main.main(arguments) == 0
    project = read_project("mine")
    assert (project.target, project.metric) == ("ethos-u55-256", "balanced_accuracy")
    assert (project.data, project.reading) == ("../rows.csv", {"window": 4})
    examples = load_examples(project.data, project.reading, project.folder)
    model = keras.saving.load_model(project.baseline(2))
    assert model.input_shape[1:] == examples.input_shape == (4, 2)
    assert project.budget == {"cycles": 1_000_000}
    assert all(project.baseline(seed).is_file() for seed in (0, 1, 2))
    names = {"project.json", "project.py", "network.py", "report.md", "baseline"}
    assert {path.name for path in (tmp_path / "mine").iterdir()} == names
    printed = capsys.readouterr().out
    assert "48 training, 6 validation and 6 test examples; 0 of these" in printed
    # Another of that name is refused, and nothing of it stays.
    assert courses_main.main(arguments) == 2
    assert "expected a new folder, received 'mine'" in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {"mine", "rows.csv"}


def test_a_bad_board_or_bad_data_leave_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    arguments = ["project", "new", "mine", "--data", "nothing.csv", "--board", "pico"]
    assert courses_main.main(arguments) == 2
    assert "expected a CSV file, received 'nothing.csv'" in capsys.readouterr().err
    assert courses_main.main([*arguments[:-1], "picos"]) == 2
    assert "pico" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
