"""What a project's networks score on its test set, and the report that says so."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import deploy
from courses.files import write_text
from courses.mini_project.examples import Examples
from courses.mini_project.project import Project
from deploy.measure.formatting import markdown

TEMPLATE = Path(__file__).parent / "template" / "report.md"
_SHOWN = 5  # confusions


def balanced_accuracy(ground_truth: Any, predictions: Sequence[Any]) -> float:
    """The mean over the classes of the part of their examples that is right, 0 to 1."""
    from sklearn.metrics import balanced_accuracy_score

    predicted = [prediction["index"] for prediction in predictions]
    return float(balanced_accuracy_score(ground_truth, predicted))


def accuracy(ground_truth: Any, predictions: Sequence[Any]) -> float:
    """The part of the examples that is right, 0 to 1."""
    predicted = [prediction["index"] for prediction in predictions]
    return float(np.mean(np.asarray(ground_truth) == predicted))


METRIC_FUNCTIONS: dict[str, Callable[[Any, Sequence[Any]], float]] = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
}


class Measured(NamedTuple):
    """What the saved networks do on the test set."""

    baseline: list[float]  # the metric, 0 to 1, seed by seed
    network: list[float]
    confusions: np.ndarray  # (classes, classes): true, predicted; of all seeds' networks


def test_data(project: Project, examples: Examples) -> deploy.TestData:
    """The test set with the project's metric, for `deploy.export` and `deploy.verify`."""
    metric = METRIC_FUNCTIONS[project.metric]
    return deploy.TestData(examples.test.x, examples.test.y, metric)


def measure(project: Project, examples: Examples) -> Measured:
    """Lets the saved networks of all seeds predict the test set.

    Raises:
        ValueError: a network that is missing or can't be loaded.
    """
    metric, (x, y) = METRIC_FUNCTIONS[project.metric], examples.test
    scores: dict[str, list[float]] = {"baseline": [], "network": []}
    confusions = np.zeros((len(examples.class_names),) * 2, np.int64)
    for kind, file_of in (("baseline", project.baseline), ("network", project.model)):
        for seed in project.seeds:
            file = file_of(seed)
            if not file.is_file():
                command = "new" if kind == "baseline" else "run"
                raise ValueError(
                    f"expected the {kind} of seed {seed} in '{file}', received nothing there; make "
                    f"it with python -m courses project {command}"
                )
            predictions = deploy.predict(file, x, class_names=examples.class_names)
            scores[kind].append(metric(y, predictions))
            if kind == "network":
                np.add.at(confusions, (y, [each["index"] for each in predictions]), 1)
    return Measured(scores["baseline"], scores["network"], confusions)


def results_table(project: Project, measured: Measured) -> str:
    """The scores by seed, in percent."""
    rows = [["seed", "baseline", "network", "difference, points"]]
    for name, baseline, network in [
        *zip(map(str, project.seeds), measured.baseline, measured.network, strict=True),
        ("mean", float(np.mean(measured.baseline)), float(np.mean(measured.network))),
    ]:
        difference = 100 * (network - baseline)
        rows.append(
            [name, f"{100 * baseline:.2f} %", f"{100 * network:.2f} %", f"{difference:+.2f}"]
        )
    return markdown(rows)


def most_confused(measured: Measured) -> list[tuple[int, int, int]]:
    """The most frequent confusions, the first one first: true class, predicted class, count."""
    wrong = measured.confusions * (1 - np.eye(len(measured.confusions), dtype=np.int64))
    order = np.argsort(-wrong, axis=None, kind="stable")[:_SHOWN]
    places = zip(*np.unravel_index(order, wrong.shape), strict=True)
    return [(int(i), int(j), int(wrong[i, j])) for i, j in places if wrong[i, j]]


def confusions_table(examples: Examples, measured: Measured) -> str:
    """The most frequent confusions, in the networks of all seeds together."""
    rows = [["it is", "the networks say", "times"]]
    names = examples.class_names
    rows += [[names[i], names[j], str(count)] for i, j, count in most_confused(measured)]
    return markdown(rows) if len(rows) > 1 else "No test example is wrong."


def write_tables(project: Project, examples: Examples) -> Measured:
    """Fills the tables between the marks of the project's report, and prints them.

    Raises:
        ValueError: no report, or one without the marks.
    """
    measured = measure(project, examples)
    text = read_report(project)
    for mark, table in (
        ("results", results_table(project, measured)),
        ("confusions", confusions_table(examples, measured)),
    ):
        place = _place(mark)
        found = place.search(text)
        if found is None:
            raise ValueError(
                f"expected the lines <!-- {mark} --> and <!-- end --> in '{project.report}', "
                "received none; put them back"
            )
        text = f"{text[: found.start(2)]}{table}\n{text[found.end(2) :]}"
        print(table)
    write_text(project.report, text)
    return measured


def read_report(project: Project) -> str:
    """The report's text.

    Raises:
        ValueError: there is none.
    """
    try:
        return project.report.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise ValueError(f"expected the report '{project.report}', received none") from None


def marked(text: str, mark: str) -> str:
    """What stands at a mark of the report; "" without the mark."""
    found = _place(mark).search(text)
    return found[2] if found else ""


def sections(text: str) -> dict[str, str]:
    """The report's sections by their headings."""
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    return {name.strip(): body for name, body in zip(parts[1::2], parts[2::2], strict=True)}


def own_words(section: str) -> int:
    """How many words of a section are neither table nor mark nor the template's question."""
    lines = [line for line in section.splitlines() if not line.startswith((">", "|", "<!--"))]
    return len(re.findall(r"[^\W\d_]{2,}", "\n".join(lines)))


def _place(mark: str) -> re.Pattern[str]:
    return re.compile(rf"(<!-- {mark} -->\n)(.*?)(<!-- end -->)", re.DOTALL)
