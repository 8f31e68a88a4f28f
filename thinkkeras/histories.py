"""The curves of a training's history, and what can be told from the shape of one."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import keras
import numpy as np

FEWEST_EPOCHS = 6  # from fewer epochs no trend is read
VALIDATION_RISE = 0.15  # of its smallest value: a validation loss that turned upwards
STILL_FALLING = 0.1  # of its mean, over the last quarter of the epochs: not yet at the end
VISIBLE = 0.02  # of its first value: in the flat end of a curve, less is neither rise nor fall


class Curves(NamedTuple):
    """One number for each epoch; an empty array where the history does not have the curve."""

    loss: np.ndarray
    val_loss: np.ndarray
    accuracy: np.ndarray
    val_accuracy: np.ndarray
    wanted: float
    classes: int | None

    @property
    def trend(self) -> bool:
        """Whether there are enough epochs to speak of one."""
        return len(self.loss) >= FEWEST_EPOCHS

    @property
    def learned(self) -> bool:
        """Whether the training accuracy is what is wanted; not known where none is logged."""
        return len(self.accuracy) > 0 and self.accuracy[-1] >= self.wanted


def rise(values: np.ndarray) -> float:
    """How far a curve ends above its smallest value, as a share of its first."""
    return float((values[-3:].mean() - values.min()) / scale(values))


def falling(values: np.ndarray) -> bool:
    """Whether a curve falls over its last quarter, by a line laid through it."""
    last = values[-max(3, len(values) // 4) :]
    if len(last) < 3:
        return False
    slope = np.polyfit(np.arange(len(last)), last, 1)[0]
    fall = -slope * (len(last) - 1)
    return bool(fall > STILL_FALLING * last.mean() and fall > VISIBLE * scale(values))


def scale(values: np.ndarray) -> float:
    """The size of a curve's first value, against which changes are measured."""
    return max(abs(float(values[0])), 1e-12)


def turning_epoch(curves: Curves) -> int:
    """The epoch, from 1, after which the validation loss rose while training went on; else 0."""
    values = curves.val_loss
    if not curves.trend or len(values) < FEWEST_EPOCHS or len(values) != len(curves.loss):
        return 0
    lowest = int(values.argmin())
    end = values[-3:].mean()
    rose = end - values[lowest] > VALIDATION_RISE * values[lowest]
    visible = end - values[lowest] > VISIBLE * scale(values)
    went_on = curves.loss[-1] < curves.loss[lowest]
    return lowest + 1 if rose and visible and went_on and lowest < len(values) - 3 else 0


def read(
    history: keras.callbacks.History | Mapping[str, Sequence[float]],
    wanted: float,
    classes: int | None,
) -> Curves:
    """The curves of a history, checked; see `diagnosis.diagnose`."""
    values = history if isinstance(history, Mapping) else getattr(history, "history", None)
    if not isinstance(values, Mapping):
        raise ValueError(
            "expected the History that fit returns, or its history dictionary, received "
            f"{type(history).__name__}"
        )
    if not 0 < wanted <= 1:
        raise ValueError(f"expected wanted_accuracy in 0-1, a share, received {wanted}")
    if classes is not None and classes < 2:
        raise ValueError(f"expected 2 classes or more, received classes={classes}")
    names = (name for name in values if name.endswith("accuracy") and not name.startswith("val_"))
    accuracy = next(names, "accuracy")
    curves = Curves(
        _numbers(values, "loss"),
        _numbers(values, "val_loss"),
        _numbers(values, accuracy),
        _numbers(values, f"val_{accuracy}"),
        wanted,
        classes,
    )
    if not len(curves.loss):
        raise ValueError(
            "expected a history with a 'loss' for at least one epoch, received "
            f"{ {name: len(values[name]) for name in values} or 'an empty one' }; call fit first"
        )
    return curves


def _numbers(values: Mapping[str, Sequence[float]], name: str) -> np.ndarray:
    try:
        numbers = np.asarray(values.get(name, []), dtype=np.float64)
    except (TypeError, ValueError):
        numbers = np.empty((0, 0))
    if numbers.ndim != 1:
        raise ValueError(f"expected one number for each epoch in {name!r}, received {values[name]}")
    return numbers
