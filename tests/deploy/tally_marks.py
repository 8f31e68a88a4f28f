"""A front end of a stranger's: a line of tally marks as how many strokes each group has.

{"kind": "tally_marks", "stroke": "|"}
"""

from pathlib import Path

import numpy as np

from deploy import DeployError

NOUN = "tally"
SUFFIXES = (".tally",)

warning = None
stream = None


def check(front_end, shape):
    if len(shape) != 1 or len(front_end.get("stroke", "")) != 1:
        raise DeployError(f"expected a stroke and an input (groups,), received {tuple(shape)}")


def open_file(path):
    return open_several(path)[0][1]


def open_several(path):
    """A line an example, by its number."""
    lines = Path(path).read_text("utf-8").splitlines()
    return [(f"{path}, line {number}", line) for number, line in enumerate(lines, start=1)]


def is_raw(example, shape):
    return isinstance(example, str)


def size(example):
    return 0, 0


def to_array(example, front_end, shape):
    groups = example.split()
    if len(groups) != shape[0] or set("".join(groups)) - {front_end["stroke"]}:
        raise DeployError(
            f"expected {shape[0]} groups of {front_end['stroke']}, received '{example}'"
        )
    return np.array([len(group) for group in groups], np.float32)
