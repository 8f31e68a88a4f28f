"""Every lesson from end to end: one epoch, one target, all that `courses run` promises."""

import json
import re

import pytest

from benchmarks import tables
from tests.courses.conftest import WRITTEN

# Of a session that trains several networks: the one whose figures are the session's.
MAIN = {
    "s05": "speech",
    "s07": "classifier",
    "s08": "instance",
    "s09": "classifier",
    "s10": "judge",
}
# A run takes half a minute and more; one of them is quick enough for every day.
RUNS = [key if key == "s06" else pytest.param(key, marks=pytest.mark.slow) for key in WRITTEN]


@pytest.fixture(scope="module", params=RUNS)
def run(request, lesson_run):
    """A lesson's key, folder and printed lines; the tests of one lesson follow each other."""
    return request.param, *lesson_run(request.param)


def bundle(out, key):
    return out / "deploy" / "cpu" / MAIN.get(key, "")


def test_it_writes_what_it_promises(run):
    key, out, _ = run
    assert (out / "model.keras").is_file()
    assert (bundle(out, key) / "card.json").is_file()
    kept = {path.name for path in (WRITTEN[key].path / "figures").iterdir()}
    assert {path.name for path in (out / "figures").iterdir()} == kept


def test_metrics_agree_with_the_card(run):
    key, out, printed = run
    metrics = json.loads((out / "metrics.json").read_text())
    card = json.loads((bundle(out, key) / "card.json").read_text())
    assert (metrics["seed"], metrics["epochs"]) == (3, 1)
    assert metrics["parameters"] == card["params"]
    measured = "masks" if key == "s08" else "accuracy"
    assert set(metrics["history"]) >= {"loss", measured, "val_loss", f"val_{measured}"}
    if key != "s08":
        assert metrics["test_accuracy"] == pytest.approx(card["quality"]["keras"], abs=1e-6)
    for name, value in metrics["targets"]["cpu"].items():
        assert value == card[name]
    assert "| cpu " in printed.splitlines()[-1]


@pytest.mark.parametrize("key", WRITTEN)
def test_the_lesson_is_a_notebook_in_percent_format(key):
    text = (WRITTEN[key].path / "lesson.py").read_text("utf-8")
    cells = text.split("\n# %%")
    assert cells[0].startswith(f"# %% [markdown]\n# # Session {int(key[1:])}")
    markdown = [cell for cell in cells[1:] if cell.startswith(" [markdown]")]
    assert len(markdown) > 8
    for cell in markdown:
        assert all(line.startswith("#") for line in cell.splitlines()[1:] if line), cell


@pytest.mark.parametrize("key", WRITTEN)
def test_the_commands_say_what_the_records_do(key):
    text = (WRITTEN[key].path / "lesson.py").read_text("utf-8")
    default = re.search(r'courses\.settings\("\w+", dataset="(\w+)"', text)[1]
    pattern = rf"run {key}(?: --dataset (?:\w+/)?(\w+))? .*?: (\d+) % in (\d+) (s|min)\b"
    said = {name or default: expected for name, *expected in re.findall(pattern, text)}
    assert said.keys() == {path.stem.split("-")[1] for path in tables.RECORDS.glob(f"{key}-*.json")}
    for name, (percent, time, unit) in said.items():
        record = tables.read_record(f"{key}-{name}")
        reached = next(iter(record["targets"].values()))["quality"]["keras"]
        assert int(percent) == pytest.approx(100 * reached, abs=1), name
        seconds = int(time) * {"s": 1, "min": 60}[unit]
        assert seconds / 2 < record["training_seconds"] < 2 * seconds, name


@pytest.mark.parametrize("key", WRITTEN)
def test_the_readme_shows_every_figure_and_every_record(key):
    text = (WRITTEN[key].path / "README.md").read_text("utf-8")
    figures = {path.name for path in (WRITTEN[key].path / "figures").iterdir()}
    assert set(re.findall(r"\]\(figures/(\S+)\)", text)) == figures
    shown = set(re.findall(r"<!-- table: ([\w-]+) -->", text))
    for record in tables.RECORDS.glob(f"{key}-*.json"):
        own = json.loads(record.read_text("utf-8")).get("tables", {})
        assert shown >= {record.stem, *(f"{record.stem}-{name}" for name in own)}
    for name in shown:
        assert (tables.RECORDS / ("-".join(name.split("-")[:2]) + ".json")).is_file()
