"""The measurable half of the rubric. Whatever can be computed again is: data, predictions, the
board's verdict, the bundle's self-test."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

import deploy
from courses.grading import Mismatch, Result, expect
from courses.mini_project import report
from courses.mini_project.baseline import build_baseline
from courses.mini_project.examples import Examples, load_examples
from courses.mini_project.leakage import Twin, near_duplicates
from courses.mini_project.project import LEAST_MARGIN, LEAST_SEEDS, Project
from courses.plan import read_rubric
from deploy.commands.targets import Verdict
from deploy.flatbuffer import macs
from deploy.load.source import digest
from deploy.runtime.card import read_card

LEAKED = 0.01  # of the test examples may have a near-duplicate
UNEVEN = 1.5  # times the smallest class's examples: accuracy would hide the smallest
INT8_LOSS = 1.0  # points
ROUNDING = 0.15  # points by which the report's figures may differ: another processor's rounding
WORDS, ANALYSIS_WORDS = 25, 40


def class_counts(examples: Examples) -> np.ndarray:
    """How many examples each class has in all splits."""
    y = np.concatenate([examples.train.y, examples.validation.y, examples.test.y])
    return np.bincount(y, minlength=len(examples.class_names))


def fair_metric(counts: np.ndarray) -> str:
    """The metric for classes of these sizes."""
    return "accuracy" if counts.max() <= UNEVEN * counts.min() else "balanced_accuracy"


class Evidence:
    """What is computed of a project, once and when a criterion asks for it."""

    def __init__(self, project: Project):
        self.project = project

    @cached_property
    def examples(self) -> Examples:
        project = self.project
        return load_examples(project.data, project.reading, project.folder)

    @cached_property
    def twins(self) -> list[Twin]:
        return near_duplicates(self.examples)

    @cached_property
    def measured(self) -> report.Measured:
        return report.measure(self.project, self.examples)

    @cached_property
    def report(self) -> str:
        return report.read_report(self.project)

    @cached_property
    def verified(self) -> Mapping[str, Any]:
        project = self.project
        data = report.test_data(project, self.examples)
        return deploy.verify(project.bundle, data, model=project.model(project.seeds[0]))

    @cached_property
    def verdict(self) -> Verdict:
        """What the board says of the network, converted and compiled anew."""
        project = self.project
        (verdict,) = deploy.check_targets(
            project.model(project.seeds[0]),
            board=project.board,
            targets=[project.target],
            calibration=self.examples.train.x[:256],
            verbose=0,
        )
        return verdict


def check_data(evidence: Evidence) -> None:
    """No near-duplicates across the splits."""
    twins, count = evidence.twins, len(evidence.examples.test.x)
    first = twins[0] if twins else None
    expect(
        len(twins) <= LEAKED * count,
        case="test examples with a near-duplicate in training or validation",
        expected=f"at most {LEAKED:.0%} of {count}",
        received=f"{len(twins)}, test example {first.test} and {first.split} example {first.other} "
        "say"
        if first
        else "none",
    )


def check_metric(evidence: Evidence) -> None:
    """The metric suits the classes, and the report states what it gives."""
    examples, project = evidence.examples, evidence.project
    counts = class_counts(examples)
    largest, smallest = int(counts.argmax()), int(counts.argmin())
    expect(
        project.metric == "balanced_accuracy" or fair_metric(counts) == project.metric,
        case=f"{counts[largest]} examples of '{examples.class_names[largest]}' and "
        f"{counts[smallest]} of '{examples.class_names[smallest]}'",
        expected="the metric balanced_accuracy",
        received=f"{project.metric}, of which always saying "
        f"'{examples.class_names[largest]}' gets {counts[largest] / counts.sum():.0%}",
    )
    stated = _numbers(report.marked(evidence.report, "results"))
    computed = _numbers(report.results_table(project, evidence.measured))
    same = len(stated) == len(computed) and np.allclose(stated, computed, rtol=0, atol=ROUNDING)
    expect(
        same,
        case="the report's results",
        expected=f"those of the test set, {_mean_text(computed)}",
        received=_mean_text(stated),
    )


def check_baseline(evidence: Evidence) -> None:
    """The baseline is beaten by the margin, over the seeds."""
    import keras

    project = evidence.project
    expect(
        len(project.seeds) >= LEAST_SEEDS,
        case="seeds",
        expected=f"{LEAST_SEEDS} or more",
        received=len(project.seeds),
    )
    expect(
        project.margin >= LEAST_MARGIN,
        case="the margin in project.json",
        expected=f"{LEAST_MARGIN:g} point or more",
        received=project.margin,
    )
    for seed in project.seeds:
        file = project.baseline(seed)
        found = keras.saving.load_model(file) if file.is_file() else None
        expect(
            found is None or _outline(found) == _outline(build_baseline(evidence.examples)),
            case=f"the baseline of seed {seed}",
            expected="the kit's own for these data, as project new trains it",
            received="another network; was the reading changed since?",
        )
    measured = evidence.measured  # after the baseline, which may not fit the data
    files = [file(seed) for file in (project.baseline, project.model) for seed in project.seeds]
    expect(
        len({digest(file) for file in files}) == len(files),
        case="the networks of the seeds",
        expected="one training for each seed",
        received="copies of one file",
    )
    differences = 100 * (np.array(measured.network) - np.array(measured.baseline))
    mean = float(differences.mean())
    error = float(differences.std(ddof=1) / np.sqrt(len(differences)))
    expect(
        mean >= project.margin and mean > 2 * error,
        case=f"{project.metric} beyond the baseline's",
        expected=f"{project.margin:g} points or more, and above twice their standard error",
        received=f"{mean:.2f} ± {error:.2f} points",
    )


def check_error_analysis(evidence: Evidence) -> None:
    """The most frequent confusion is named, and more is said than its name."""
    section = report.sections(evidence.report).get("Error analysis", "")
    confusions, names = report.most_confused(evidence.measured), evidence.examples.class_names
    most = [(i, j) for i, j, count in confusions if count == confusions[0][2]]
    named = not most or any(
        _names(section, names[i]) and _names(section, names[j]) for i, j in most
    )
    pair = f"'{names[most[0][0]]}' taken for '{names[most[0][1]]}'" if most else "none"
    expect(
        named,
        case="the section Error analysis",
        expected=f"the most frequent confusion, {pair}",
        received="no word of it",
    )
    _expect_words("Error analysis", section, ANALYSIS_WORDS)


def check_int8(evidence: Evidence) -> None:
    """What the bundle loses on the test set."""
    quality, loss = evidence.verified["quality"], evidence.verified["loss"]
    expect(
        loss <= INT8_LOSS,
        case=f"{evidence.project.metric} lost in the bundle",
        expected=f"at most {INT8_LOSS:g} point",
        received=f"{loss:.2f}: {quality['keras']:.2%} in Keras, {quality['deployed']:.2%} deployed",
    )


def check_budget(evidence: Evidence) -> None:
    """The board's memory, and the cycles or multiply-accumulates of an inference."""
    project, verdict = evidence.project, evidence.verdict
    expect(
        verdict.fits,
        case=f"{project.target} on {project.board}",
        expected="a network that it holds",
        received=verdict.text,
    )
    ((limit, most),) = project.budget.items()
    spent = verdict.cycles
    if limit == "macs":
        spent = macs((project.bundle / "model.tflite").read_bytes())
    expect(
        spent is not None and spent <= most,
        case=f"{limit} of an inference",
        expected=f"at most {most:,}",
        received="an unknown number" if spent is None else f"{spent:,}",
    )


def check_bundle(evidence: Evidence) -> None:
    """The bundle is the project's, and runs as it did."""
    project = evidence.project
    card = read_card(project.bundle)
    expect(
        card["target"] == project.target,
        case="the bundle's target",
        expected=project.target,
        received=card["target"],
    )
    expect(
        card["source"].get("sha256") == digest(project.model(project.seeds[0])),
        case="the bundle's Keras model",
        expected=f"{project.model(project.seeds[0]).name}, the first seed's",
        received="another one",
    )
    failed = [
        each["name"] for each in deploy.runtime.selftest(project.bundle) if not each["passed"]
    ]
    expect(
        not failed,
        case="the bundle's self-test",
        expected="its recorded outputs",
        received=f"others of {', '.join(map(str, failed))}",
    )


def check_report(evidence: Evidence) -> None:
    """Every section of the template, written."""
    found = report.sections(evidence.report)
    asked = report.sections(report.TEMPLATE.read_text("utf-8"))
    missing = [name for name in asked if name not in found]
    expect(
        not missing,
        case="the report",
        expected=f"the sections {', '.join(asked)}",
        received=f"none called {', '.join(missing)}",
    )
    questions = {line for body in asked.values() for line in body.splitlines() if line[:1] == ">"}
    for name in asked:
        left = questions & set(found[name].splitlines())
        expect(
            not left,
            case=f"the section {name}",
            expected="an answer in place of the template's question",
            received=min(left, default=""),
        )
        _expect_words(name, found[name], WORDS)


CHECKS: dict[str, Callable[[Evidence], None]] = {
    "data": check_data,
    "metric": check_metric,
    "baseline": check_baseline,
    "error_analysis": check_error_analysis,
    "int8": check_int8,
    "budget": check_budget,
    "bundle": check_bundle,
    "report": check_report,
}


def check_project(project: Project, criteria: Sequence[str] = ()) -> list[Result]:
    """Whether a project meets each measured criterion of the rubric, in its order.

    Args:
        project: whose folder holds networks, bundle and report.
        criteria: the names of those to check; by default all.
    """
    evidence, results = Evidence(project), []
    for name in criteria or CHECKS:
        try:
            CHECKS[name](evidence)
        except (Mismatch, ValueError, OSError) as error:  # a file that is missing or damaged
            results.append(Result(name, False, " ".join(str(error).split())))
        else:
            results.append(Result(name, True))
    return results


def marks(results: Sequence[Result]) -> str:
    """The results with their points, and the other half with room for a person's."""
    rubric = read_rubric()
    points = {row["name"]: row["points"] for row in rubric["measured"]}
    lines = []
    for result in results:
        most = points[result.exercise]
        got = most if result.passed else 0
        lines.append(f"{got:2} of {most:2}  {result.exercise:15} {result.message}".rstrip())
    got = sum(points[result.exercise] for result in results if result.passed)
    lines.append(f"{got:2} of {sum(points.values())}  measured")
    lines += [
        f"__ of {row['points']:2}  {row['name']:15} {row['what']}" for row in rubric["judged"]
    ]
    lines.append(f"__ of {sum(row['points'] for row in rubric['judged'])}  judged by a person")
    return "\n".join(lines)


def _numbers(table: str) -> list[float]:
    return [float(number) for number in re.findall(r"[-+]?\d+(?:\.\d+)?", table.replace("---", ""))]


def _mean_text(numbers: Sequence[float]) -> str:
    if len(numbers) < 3:
        return "no table"
    baseline, network, _ = numbers[-3:]
    return f"{baseline:.2f} % and in the mean {network:.2f} %"


def _names(text: str, name: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) is not None


def _outline(model: Any) -> list[tuple[str, Any]]:
    return [(type(layer).__name__, tuple(layer.output.shape)) for layer in model.layers]


def _expect_words(name: str, section: str, least: int) -> None:
    count = report.own_words(section)
    expect(
        count >= least,
        case=f"the section {name}",
        expected=f"{least} words or more beside tables",
        received=f"{count}",
    )
