"""Time the README's two commands as a newcomer types them: in a fresh clone and an empty home.

    python -m benchmarks.commands

The package index's cache stays as it is on this computer, so the times are those of a warm cache.
"""

from __future__ import annotations

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
    "make test": "every test passed",
}


def main() -> int:
    record = {"cpu": cpu_name(), "cores": os.cpu_count(), "commands": {}}
    cache = [sys.executable, "-m", "pip", "cache", "dir"]
    found = subprocess.run(cache, capture_output=True, text=True, check=True).stdout.strip()
    with tempfile.TemporaryDirectory() as folder:
        clone, home = Path(folder, "clone"), Path(folder, "home")
        home.mkdir()
        subprocess.run(["git", "clone", "--quiet", str(tables.ROOT), str(clone)], check=True)
        environment = os.environ | {"HOME": str(home), "PIP_CACHE_DIR": found}
        for command, prints in COMMANDS.items():
            start = time.perf_counter()
            subprocess.run(command.split(), cwd=clone, env=environment, check=True)
            seconds = round(time.perf_counter() - start, 1)
            record["commands"][command] = {"prints": prints, "seconds": seconds}
    (tables.RECORDS / "commands.json").write_text(json.dumps(record, indent=2) + "\n")
    return tables.main([])


if __name__ == "__main__":
    sys.exit(main())
