"""A front end of a stranger's: a text of letters as one row a letter, 1 in its letter's column.

{"kind": "one_hot_sequence", "letters": "ACGT"}
"""

from pathlib import Path

import numpy as np

from deploy import DeployError

NOUN = "sequence"
SUFFIXES = (".txt",)

open_several = None


def check(front_end, shape):
    if len(shape) != 2 or len(front_end.get("letters", "")) != shape[1]:
        raise DeployError(f"expected as many letters as columns, received an input {tuple(shape)}")


def open_file(path):
    return Path(path).read_text("utf-8").strip()


def is_raw(example, shape):
    return isinstance(example, str)


def size(example):
    return 0, 0


def to_array(example, front_end, shape):
    if len(example) != shape[0] or not set(example) <= set(front_end["letters"]):
        raise DeployError(f"expected {shape[0]} of {front_end['letters']}, received '{example}'")
    rows = np.eye(len(front_end["letters"]), dtype=np.float32)
    return rows[[front_end["letters"].index(letter) for letter in example]]
