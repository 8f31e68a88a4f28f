"""Time the README's commands as a newcomer types them: in a fresh clone and an empty home.

    python -m benchmarks.commands                    # all of them, one after the other
    python -m benchmarks.commands "make test-all"    # one; the others keep their record

The package index's cache stays as it is on this computer, so the times are those of a warm cache;
the first command of a call makes the virtual environment.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import tables
from deploy.environment import cpu_name

COMMANDS = {
    "make demo": "accuracy in Keras and on each target, size, latency, arena",
    "make test": "every test passed that is not slow",
    "make test-all": "every test passed",
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.commands")
    parser.add_argument("commands", nargs="*", metavar="COMMAND", help="; ".join(COMMANDS))
    chosen = parser.parse_args().commands or list(COMMANDS)
    if unknown := set(chosen) - set(COMMANDS):
        parser.error(f"expected {', '.join(COMMANDS)}, received {', '.join(sorted(unknown))}")
    file = tables.RECORDS / "commands.json"
    known = json.loads(file.read_text("utf-8"))["commands"] if file.exists() else {}
    cache = [sys.executable, "-m", "pip", "cache", "dir"]
    found = subprocess.run(cache, capture_output=True, text=True, check=True).stdout.strip()
    with tempfile.TemporaryDirectory() as folder:
        clone, home = Path(folder, "clone"), Path(folder, "home")
        home.mkdir()
        subprocess.run(["git", "clone", "--quiet", str(tables.ROOT), str(clone)], check=True)
        environment = os.environ | {"HOME": str(home), "PIP_CACHE_DIR": found}
        for command in chosen:
            start = time.perf_counter()
            subprocess.run(command.split(), cwd=clone, env=environment, check=True)
            seconds = round(time.perf_counter() - start, 1)
            known[command] = {"prints": COMMANDS[command], "seconds": seconds}
            record = {
                "cpu": cpu_name(),
                "cores": os.cpu_count(),
                "commands": {name: known[name] for name in COMMANDS if name in known},
            }
            file.write_text(json.dumps(record, indent=2) + "\n", "utf-8")
    return tables.main([])


if __name__ == "__main__":
    sys.exit(main())
