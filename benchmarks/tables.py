"""Write the tables of the documents from the recorded runs, the course's plan and the rubric.

    python -m benchmarks.tables            # writes them
    python -m benchmarks.tables --check    # fails where a document is not what the records say

A document marks the place of a table with `<!-- table: NAME -->` and `<!-- end -->`.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import deploy
from courses import plan
from deploy.measure.formatting import decibels, kilobytes, markdown, score

ROOT = Path(__file__).parent.parent
RECORDS = Path(__file__).parent / "records"
DOCUMENTS = (
    "README.md",
    "courses/*.md",
    "courses/*/README.md",
    "benchmarks/README.md",
    "deploy/*.md",
)
_PLACE = re.compile(r"(<!-- table: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def read_record(name: str) -> dict[str, Any]:
    """The record `name`, as `benchmarks.record` or `benchmarks.commands` wrote it."""
    return json.loads((RECORDS / f"{name}.json").read_text("utf-8"))


def begun(name: str, empty: dict[str, Any]) -> dict[str, Any]:
    """The record `name` as far as an earlier run came; `empty` where there is none."""
    try:
        return read_record(name)
    except FileNotFoundError:
        return empty


def keep(name: str, record: dict[str, Any]) -> None:
    """Write the record `name` at once, so that a run that is broken off leaves a whole one."""
    partial = RECORDS / f"{name}.json.partial"
    partial.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    partial.replace(RECORDS / f"{name}.json")


def session_table(name: str) -> str:
    """What a session's run gave: the training in one line, then a row a target. After a second
    hyphen the name says which of the lesson's own tables is meant."""
    session, dataset, *own = name.split("-")
    run = read_record(f"{session}-{dataset}")
    if own:
        return markdown(run["tables"][own[0]])
    measured = next(iter(run["targets"].values()))["quality"]
    examples = f"{measured['examples']:,} test examples"
    verdict = f"{_scored(measured, 'keras')} on {examples}"
    if measured["metric"] == "accuracy":
        verdict = f"{100 * run['test_accuracy']:.2f} % of {examples} right"
    return (
        f"`{run['dataset']}`, seed {run['seed']}: {run['parameters']:,} parameters, "
        f"{_trained(run)} of training, {verdict} ({run['cores']} cores, {run['cpu']}; "
        f"Keras {run['versions']['keras']}, TensorFlow {run['versions']['tensorflow']}).\n\n"
        + deploy.table(list(run["targets"].values()))
    )


def course_table(_: str) -> str:
    """Every session's recorded runs: what was trained, and what of it arrives on two devices."""
    header = ["session", "data", "parameters", "training", "Keras"]
    rows = [header + ["`cpu`, int8", "`cortex-m`, int8", "model", "arena"]]
    for path in sorted(RECORDS.glob("s??-*.json")):
        run = read_record(path.stem)
        cpu, micro = run["targets"]["cpu"], run["targets"]["cortex-m"]
        rows.append(
            [
                path.stem.split("-")[0],
                f"`{run['dataset']}`",
                f"{run['parameters']:,}",
                _trained(run),
                _scored(cpu["quality"], "keras"),
                _scored(cpu["quality"], "deployed"),
                _scored(micro["quality"], "deployed"),
                kilobytes(micro["size_bytes"]),
                kilobytes(micro["memory"]["arena_bytes"]),
            ]
        )
    return markdown(rows)


def _trained(run: dict[str, Any]) -> str:
    """How long a run's training took: each network's, where it trained several."""
    total = f"{run['training_seconds']:.0f} s"
    if "seconds" not in run:
        return f"{run['epochs']} epochs in {total}"
    return " + ".join(f"{seconds:.0f}" for seconds in run["seconds"].values()) + f" = {total}"


def _scored(measured: dict[str, Any], which: str) -> str:
    """A score with the name of what it measures, where that is not the accuracy."""
    name = "" if measured["metric"] == "accuracy" else f", {measured['metric'].replace('_', ' ')}"
    return score(measured, which) + name


def command_table(name: str) -> str:
    """How long the README's commands took in a fresh clone."""
    rows = [
        f"| `{command}` | {row['prints']} | {row['seconds'] / 60:.1f} min |"
        for command, row in read_record(name)["commands"].items()
    ]
    return "\n".join(["| command | what it prints in the end | time |", "|---|---|---|", *rows])


def export_time_table(name: str) -> str:
    """An export's time beside the converter's."""
    run = read_record(name)
    rows = [["network", "parameters", "calibration", "bare converter", "export to `cpu`", "ratio"]]
    for size in ("small", "large"):
        row = run[size]
        rows.append(
            [
                row["name"],
                f"{row['parameters']:,}",
                f"{row['examples']} examples",
                f"{row['converter']:.2f} s",
                f"{row['export']:.2f} s",
                f"{row['export'] / row['converter']:.2f}",
            ]
        )
    return (
        f"The first network's export to the {run['targets']} targets of `make demo` in one call "
        f"takes {run['small']['all_targets']:.1f} s, conversions, Vela, LiteRT Micro's arena, "
        f"comparison, latency and bundles included; before the first one the worker process needs "
        f"{run['start_up']:.1f} s to start ({run['cores']} cores, {run['cpu']}).\n\n"
        + markdown(rows)
    )


def quantizer_table(name: str) -> str:
    """Both quantizers' int8, model by model."""
    header = ["model", "data", "Keras", "quantizer", "int8", "SQNR", "model size", "latency"]
    rows = [header + ["arena", "cycles, Ethos-U55-128"]]
    for row in read_record(name)["rows"]:
        rows.append(
            [
                row["model"],
                row["run"].removeprefix("record-"),
                score(row["quality"], "keras"),
                row["quantizer"],
                score(row["quality"], "deployed"),
                decibels(row["sqnr_db"]),
                kilobytes(row["size_bytes"]),
                f"{row['latency_ms']['median']:.3f} ms",
                kilobytes(row["arena_bytes"]),
                f"{row['cycles']:,}",
            ]
        )
    return markdown(rows)


def compression_table(name: str) -> str:
    """What training for a smaller model brings: a row a way, the float model first."""
    run = read_record(name)
    first = next(iter(run["ways"].values()))
    rows = [["network", "weights", "accuracy", "against float", "size", "compressed", "smaller"]]
    for way, row in run["ways"].items():
        rows.append(
            [
                way,
                row["weights"],
                f"{100 * row['accuracy']:.2f} %",
                f"{100 * (row['accuracy'] - first['accuracy']):+.2f} points",
                kilobytes(row["size_bytes"]),
                kilobytes(row["compressed_bytes"]),
                f"{first['compressed_bytes'] / row['compressed_bytes']:.1f} ×",
            ]
        )
    return (
        f"`{run['dataset']}`, seed {run['seed']}: a depthwise-separable network of "
        f"{run['parameters']:,} parameters, {first['examples']:,} test images; all trainings "
        f"together {run['cpu_minutes']:.0f} minutes of CPU time. The last column compares "
        "compressed sizes.\n\n" + markdown(rows)
    )


def autoencoder_table(name: str) -> str:
    """What an NPU makes of dense layers: a row a way of storing them."""
    run = read_record(name)
    rows = [["weights", "cycles", "SQNR", "AUC", "partial AUC", "Keras"]]
    for way, row in run["ways"].items():
        keras_auc = row.get("keras_auc", run["keras"]["auc"])
        rows.append(
            [
                way,
                f"{row['cycles']:,}",
                decibels(row["sqnr_db"]),
                *(f"{100 * row[key]:.2f} %" for key in ("auc", "partial_auc")),
                f"{100 * keras_auc:.2f} %",
            ]
        )
    return (
        f"Seed {run['seed']}: {run['parameters']:,} parameters, {run['epochs']} epochs on "
        "generated spectra, 2,000 to test on; all trainings together "
        f"{run['cpu_minutes']:.0f} minutes of CPU time. The last column is the AUC "
        "of the Keras network in that row.\n\n" + markdown(rows)
    )


def one_shot_table(name: str) -> str:
    """Few-shot accuracy of each network: mean and standard deviation over the seeds."""
    run = read_record(name)
    seeds = {network: list(runs.values()) for network, runs in run["networks"].items()}
    measured = {"raw pixels": [run["pixels"]]}
    for network, runs in reversed(seeds.items()):
        measured[f"{network} network"] = [one["tests"] for one in runs]
    # What testing on all of the second set would report, of which training has seen a third.
    leaky = [one["leaky"] for one in seeds["prototypical"]]
    measured["prototypical network, with the leak"] = leaky
    tests = list(run["pixels"])
    rows = [["distance in", *tests]]
    for row, results in measured.items():
        rows.append([row, *(_over_seeds([one[test]["mean"] for one in results]) for test in tests)])
    widest = max(
        one[test]["interval"] for one in measured["prototypical network"] for test in tests
    )
    minutes = {
        network: statistics.mean(one["seconds"]["processor"] for one in runs) / 60
        for network, runs in seeds.items()
    }
    worked = " and ".join(f"{minutes[network]:.0f} ({network})" for network in seeds)
    return (
        f"`{run['dataset']}`, mean ± standard deviation of {len(seeds['prototypical'])} seeds, "
        "1,000 episodes of unseen alphabets each (the 95 % interval of one seed is at most "
        f"± {100 * widest:.1f} points); {seeds['prototypical'][0]['parameters']:,} parameters, "
        f"minutes of processor time of a training: {worked} ({run['cores']} cores, {run['cpu']}; "
        f"Keras {run['keras']}).\n\n" + markdown(rows)
    )


def cifar10_table(name: str) -> str:
    """Each network on both test sets and on devices: mean and standard deviation over the seeds."""
    record = read_record(name)
    header = [
        "network",
        "seeds",
        "parameters",
        "MACs",
        "epochs",
        "minutes",
        "`test`",
        "`train[36000:]`",
    ]
    rows = [[*header, "int8 loses, points", "Ethos-U55-128 cycles", "arena, bytes"]]
    for network, by_seed in record["runs"].items():
        runs = list(by_seed.values())
        lost = [100 * (run["keras"] - run["deployed"]) for run in runs]
        rows.append(
            [
                network,
                str(len(runs)),
                f"{runs[0]['parameters']:,}",
                f"{runs[0]['macs'] / 1e6:.2f} M",
                f"{statistics.mean(run['epochs'] for run in runs):.0f}",
                f"{statistics.mean(run['seconds'] for run in runs) / 60:.0f}",
                _over_seeds([run["test"] for run in runs]),
                _over_seeds([run["more_test"] for run in runs]),
                f"{statistics.mean(lost):.2f} (at most {max(lost):.2f})",
                f"{statistics.mean(run['cycles'] for run in runs):,.0f}",
                f"{runs[0]['arena_bytes']:,}",
            ]
        )
    runs = [run for by_seed in record["runs"].values() for run in by_seed.values()]
    processors = " and ".join(sorted({run["cpu"] for run in runs}))
    return (
        f"Mean ± standard deviation over the seeds; minutes of processor time, on {processors} "
        f"(Keras {runs[0]['versions']['keras']}, TensorFlow {runs[0]['versions']['tensorflow']})."
        "\n\n" + markdown(rows)
    )


def recurrent_table(name: str) -> str:
    """Session 5's speech and sentiment: mean and standard deviation over the seeds."""
    record = read_record(name)
    header = ["network", "parameters", "minutes", "Keras", "`cpu`, int8", "`cortex-m`, int8"]
    rows = [[*header, "model", "arena", "Ethos-U55-128 cycles"]]
    heard = []
    for part in ("speech", "sentiment"):
        runs = [run for key, run in record["runs"].items() if key.startswith(f"{part}, seed ")]
        if not runs:
            continue
        heard += [run["stream"] for run in runs if "stream" in run]
        deployed = {
            target: [run["deployed"][target] for run in runs] for target in runs[0]["deployed"]
        }
        micro, npu = deployed.get("cortex-m"), deployed.get("ethos-u55-128")
        rows.append(
            [
                part,
                f"{runs[0]['parameters']:,}",
                f"{statistics.mean(run['seconds'] for run in runs) / 60:.1f}",
                _over_seeds([run["keras"] for run in runs]),
                _over_seeds([one["score"] for one in deployed["cpu"]]),
                _over_seeds([one["score"] for one in micro]) if micro else "–",
                kilobytes(deployed["cpu"][0]["size_bytes"]),
                kilobytes(micro[0]["arena_bytes"]) if micro else "–",
                f"{statistics.mean(one['cycles'] for one in npu):,.0f}" if npu else "–",
            ]
        )
    streams = ""
    if heard:
        detected, first = _over_seeds([one["detected"] for one in heard]), heard[0]
        alarms = statistics.mean(one["false_alarms_per_minute"] for one in heard)
        streams = (
            f" Of {first['words']} words in {first['minutes']:.1f} minutes of long recordings with "
            f"pauses the int8 bundle hears {detected} once and in order, and {alarms:.1f} false "
            "ones a minute."
        )
    return (
        "Mean ± standard deviation over the seeds; minutes of processor time of a training "
        f"({record['cores']} cores, {record['cpu']}; Keras {record['versions']['keras']}).{streams}"
        "\n\n" + markdown(rows)
    )


def translation_table(name: str) -> str:
    """BLEU of each kind of translator, and what of it is deployed."""
    record = read_record(name)
    header = ["translator", "parameters", "epochs", "minutes", "BLEU, greedy", "BLEU, beam 4"]
    rows = [[*header, "… small letters", "float as Keras", "`cpu-dynamic`", "pieces a second"]]
    for kind, run in record["kinds"].items():
        greedy, best = (run["bleu"][f"test, beam {beam}"] for beam in (1, 4))
        dynamic, exact = (run["deployed"][target] for target in ("cpu-dynamic", "cpu-float"))
        lost = dynamic["quality"]["deployed"] - dynamic["quality"]["keras"]
        rows.append(
            [
                kind.replace("_", " "),
                f"{run['parameters']:,}",
                str(run["epochs"]),
                f"{run['seconds']['processor'] / 60:.0f}",
                f"{greedy['cased']:.1f}",
                f"{best['cased']:.1f}",
                f"{best['lower']:.1f}",
                f"{100 * exact['same']:.0f} of 100",
                f"{lost:+.1f} in {kilobytes(dynamic['size_bytes'])}",
                f"{dynamic['tokens_per_second']:.0f}",
            ]
        )
    signature = next(iter(record["kinds"].values()))["bleu"]["test, beam 1"]["signature"]
    return (
        f"`test_2016_flickr`, one seed; minutes of processor time ({record['cores']} cores, "
        f"{record['cpu']}; Keras {record['keras']}); `{signature}`.\n\n" + markdown(rows)
    )


def _over_seeds(accuracies: list[float]) -> str:
    mean = f"{100 * statistics.mean(accuracies):.1f}"
    if len(accuracies) < 2:
        return f"{mean} %"
    return f"{mean} ± {100 * statistics.stdev(accuracies):.1f} %"


def fuzz_table(name: str) -> str:
    """What came of spoiled bundles and inputs, a row a task."""
    record = read_record(name)
    outcomes = ("answered", "refused", "noticed", *record["faults"])
    header = ["what was run", "tries", "answered", "refused in one line"]
    rows = [[*header, "noticed by the self-test", *record["faults"]]]
    for task, counts in record["outcomes"].items():
        cells = [sum(counts.values())]
        cells += [counts.get(each, 0) for each in outcomes]
        rows.append([task.replace("_", " "), *(f"{cell:,}" for cell in cells)])
    return f"{record['tries']:,} tries, seeds from {record['seed']}.\n\n{markdown(rows)}"


TABLES: dict[str, Callable[[str], str]] = {
    "fuzz": fuzz_table,
    "course": course_table,
    "commands": command_table,
    "quantizers": quantizer_table,
    "export_time": export_time_table,
    "compression": compression_table,
    "autoencoder": autoencoder_table,
    "one_shot": one_shot_table,
    "cifar10": cifar10_table,
    "recurrent": recurrent_table,
    "translation": translation_table,
    "plan-sessions": lambda _: markdown(plan.sessions_table()),
    "plan-objectives": lambda _: markdown(plan.objectives_table()),
    "plan-prerequisites": lambda _: plan.prerequisites_list(),
    "plan-milestones": lambda _: markdown(plan.milestones_table()),
    "plan-ten_weeks": lambda _: markdown(plan.calendar_table("ten_weeks")),
    "plan-five_weeks": lambda _: markdown(plan.calendar_table("five_weeks")),
    "plan-one_week": lambda _: markdown(plan.calendar_table("one_week")),
    "rubric-measured": lambda _: markdown(plan.rubric_table("measured")),
    "rubric-judged": lambda _: markdown(plan.rubric_table("judged")),
}


def filled(text: str) -> str:
    """`text` with every marked table as the records say; what has no record yet stays as it is."""

    def fill(match: re.Match[str]) -> str:
        try:
            table = TABLES.get(match[2], session_table)(match[2])
        except FileNotFoundError:
            return match[0]
        return f"{match[1]}{table}\n{match[3]}"

    return _PLACE.sub(fill, text)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tables")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args(arguments)
    stale = []
    for document in sorted(path for pattern in DOCUMENTS for path in ROOT.glob(pattern)):
        text = document.read_text("utf-8")
        if filled(text) != text:
            stale.append(str(document.relative_to(ROOT)))
            if not options.check:
                document.write_text(filled(text), "utf-8")
    if stale:
        print(f"{'not what the records say' if options.check else 'written'}: {', '.join(stale)}")
    return 1 if stale and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
