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
        """Whether the accuracy is what is wanted; not known where none is logged.

        Validation counts as well as training: with dropout or augmentation it is the fairer one.
        """
        last = [values[-1] for values in (self.accuracy, self.val_accuracy) if len(values)]
        return max(last, default=0.0) >= self.wanted

    def epoch(self, values: np.ndarray, index: int) -> int:
        """The epoch, from 1, of a curve's entry; validation may run every few epochs only."""
        return (index + 1) * max(1, len(self.loss) // len(values))


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
    return bool(fall > STILL_FALLING * np.abs(last).mean() and fall > VISIBLE * scale(values))


def scale(values: np.ndarray) -> float:
    """The size of a curve's first value, against which changes are measured."""
    return max(abs(float(values[0])), 1e-12)


def turning_epoch(curves: Curves) -> int:
    """The epoch, from 1, after which the validation loss rose while training went on; else 0."""
    values = curves.val_loss
    if not curves.trend or len(values) < FEWEST_EPOCHS:
        return 0
    lowest = int(values.argmin())
    end = values[-3:].mean()
    rose = end - values[lowest] > VALIDATION_RISE * abs(values[lowest])
    visible = end - values[lowest] > VISIBLE * scale(values)
    epoch = min(curves.epoch(values, lowest), len(curves.loss))
    went_on = curves.loss[-1] < curves.loss[epoch - 1]
    return epoch if rose and visible and went_on and lowest < len(values) - 3 else 0


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
    accuracy = _accuracy_name(values)
    curves = Curves(
        _numbers(values, "loss"),
        _numbers(values, "val_loss"),
        _numbers(values, accuracy),
        _numbers(values, f"val_{accuracy}"),
        wanted,
        classes,
    )
    if not len(curves.loss):
        received = {
            name: len(curve) if isinstance(curve, Sequence | np.ndarray) else curve
            for name, curve in values.items()
        }
        raise ValueError(
            "expected a history with a 'loss' for at least one epoch, received "
            f"{received or 'an empty one'}; call fit first"
        )
    return curves


def _accuracy_name(values: Mapping[str, Sequence[float]]) -> str:
    """The metric that says how often the first answer is right, which a top-k accuracy does not."""
    others = [
        name
        for name in values
        if name.endswith("accuracy") and not name.startswith("val_") and "top" not in name
    ]
    return next((name for name in ("accuracy", "acc", *others) if name in values), "accuracy")


def _numbers(values: Mapping[str, Sequence[float]], name: str) -> np.ndarray:
    try:
        numbers = np.asarray(values.get(name, []), dtype=np.float64)
    except (TypeError, ValueError):
        numbers = np.empty((0, 0))
    if numbers.ndim != 1:
        raise ValueError(f"expected one number for each epoch in {name!r}, received {values[name]}")
    return numbers
