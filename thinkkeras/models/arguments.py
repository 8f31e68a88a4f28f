"""The arguments that every classifier's builder takes, checked."""

from __future__ import annotations


def check_classifier(input_shape: tuple[int, int, int], classes: int) -> None:
    """Refuse what is no shape of images, or no number of classes.

    Raises:
        ValueError: An argument is out of range.
    """
    if len(input_shape) != 3 or not all(isinstance(n, int) and n > 0 for n in input_shape):
        raise ValueError(
            "expected input_shape=(height, width, channels), three positive integers, "
            f"received {input_shape}"
        )
    if classes < 1:
        raise ValueError(f"expected at least 1 class, received classes={classes}")
