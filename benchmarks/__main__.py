"""All records anew, one after the other, on a machine that does nothing else.

    python -m benchmarks record            # goes on where an earlier call was broken off
    python -m benchmarks record --again    # from the first one
    python -m benchmarks record --list     # the commands, and which are done

What is done stands in `runs/record-all.txt`, a command a line.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

from benchmarks import tables

DONE = tables.ROOT / "runs" / "record-all.txt"

# The run of each session whose figures its README shows.
FIGURES = {
    "s01": "breast_cancer",
    "s02": "fashion_mnist",
    "s03": "digits",
    "s04": "fashion_mnist",
    "s05": "generated",
    "s06": "fashion_mnist",
    "s07": "digits",
    "s08": "balloon_scenes",
    "s09": "digits",
}
# Each goes on with the record that it finds, which therefore goes first.
MODULES = (
    "autoencoder",
    "compression",
    "export_time",
    "cifar10",
    "one_shot",
    "recurrent",
    "translation",
    "fuzz",
    "commands",
)


def record_commands() -> list[str]:
    """The commands that make every record there is, with the targets that it has now; the sessions
    first, whose runs the quantizers are compared on."""
    commands = []
    for path in sorted(tables.RECORDS.glob("s??-*.json")):
        session, run = path.stem.split("-")[0], tables.read_record(path.stem)
        words = [f"record {session} --dataset {run['dataset']}"]
        words += [f"--target {target}" for target in run["targets"]]
        words += ["--figures"] if FIGURES.get(session) == run["dataset"] else []
        commands.append(" ".join(words))
    runs = " ".join(f"runs/record-s06-{name}" for name in ("digits", "fashion_mnist"))
    return [*commands, f"quantizers {runs}", *MODULES]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("command", choices=["record"])
    parser.add_argument("--again", action="store_true", help="from the first one")
    parser.add_argument("--list", action="store_true", help="the commands, and which are done")
    options = parser.parse_args(arguments)
    if options.again:
        DONE.unlink(missing_ok=True)
    done = set(DONE.read_text("utf-8").splitlines()) if DONE.is_file() else set()
    for command in record_commands():
        print(f"{'done' if command in done else 'to do':5}  {command}", flush=True)
        if options.list or command in done:
            continue
        record = tables.RECORDS / f"{command}.json"
        if command in MODULES and f"begun {command}" not in done:
            record.unlink(missing_ok=True)
            _note(f"begun {command}")
        module, *rest = command.split()
        subprocess.run(
            [sys.executable, "-m", f"benchmarks.{module}", *rest], cwd=tables.ROOT, check=True
        )
        _note(command)
    return 0


def _note(line: str) -> None:
    DONE.parent.mkdir(exist_ok=True)
    with DONE.open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
