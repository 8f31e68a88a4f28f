"""The arguments that every classifier's builder takes, checked."""

from __future__ import annotations

from collections.abc import Sequence


def check_classifier(input_shape: Sequence[int], classes: int, rank: int | None = 3) -> None:
    """Refuse what is no shape of examples, or no number of classes.

    Args:
        input_shape: shape of one example.
        classes: number of classes.
        rank: how many axes an example has: 3, those of an image; None for one or more.

    Raises:
        ValueError: An argument is out of range.
    """
    positive = len(input_shape) > 0 and all(isinstance(n, int) and n > 0 for n in input_shape)
    if not positive or rank not in (None, len(input_shape)):
        expected = "(height, width, channels), three" if rank == 3 else "(features,), one or more"
        raise ValueError(
            f"expected input_shape={expected} positive integers, received {input_shape}"
        )
    if classes < 1:
        raise ValueError(f"expected at least 1 class, received classes={classes}")
