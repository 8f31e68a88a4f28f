"""Spoiled bundles and inputs on the device's command line: what came of them.

python -m benchmarks.fuzz                        # `make fuzz`: 10,000 tries
python -m benchmarks.fuzz --tries 1 --seed 971   # one of them again
"""

from __future__ import annotations

import argparse
import sys

from benchmarks import tables
from tests.deploy.fuzz import FAULTS, fuzz, make_cases

TRIES = 10_000


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz")
    parser.add_argument("--tries", type=int, default=TRIES, help="fewer are not recorded")
    parser.add_argument("--seed", type=int, default=0, help="of the first try")
    options = parser.parse_args()
    cases = tables.ROOT / "runs" / "fuzz"
    make_cases(cases)
    found = fuzz(cases, options.tries, options.seed)
    if options.tries >= TRIES:
        record = {"tries": options.tries, "seed": options.seed, "faults": FAULTS}
        tables.keep("fuzz", record | {"outcomes": found})
        tables.main([])
    for task, counts in found.items():
        print(task, dict(counts))
    return int(any(counts[fault] for counts in found.values() for fault in FAULTS))


if __name__ == "__main__":
    sys.exit(main())
