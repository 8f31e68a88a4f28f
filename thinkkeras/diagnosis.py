"""What a training's history says is wrong, in words, with the remedy to try first."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import keras
import numpy as np

# Accuracies, gaps and jumps of accuracy are fractions (0.05 is five points). Changes of a loss are
# fractions of its value after the first epoch, which gives the loss its scale, or of its own mean.
WANTED_ACCURACY = 0.9  # below it a training set is not learned, unless the caller says otherwise
ACCURACY_GAP = 0.05  # training above validation by more: over-fitting
ACCURACY_LEAD = 0.02  # validation above training by more: worth a word
LOSS_GAP = 1.0  # where no accuracy is logged: validation above training by this fraction of it
TRAINING_RISE = 0.1  # of its first value: a training loss that ends above its smallest value
TRAINING_JUMPS = 0.05  # of its first value: mean step of a training loss, counting steps upwards
TURNS = 0.25  # fraction of the epochs in which a jumping loss turns from down to up or back
ACCURACY_JUMPS = 0.03  # mean step of validation accuracy, up or down, in the second half
LOSS_JUMPS = 0.2  # of its mean: the same for the loss, where no accuracy is logged
LEAST_FALL = 0.1  # of its first value: less of a fall is no learning
ABOVE_CHANCE = 0.1  # of the way from chance to 100 %: not more is chance
WORSE_THAN_GUESSING = 2.0  # times the logarithm of the classes, which is a guesser's loss
FEWEST_EPOCHS = 6  # from fewer epochs no trend is read
VALIDATION_RISE = 0.15  # of its smallest value: a validation loss that turned upwards
STILL_FALLING = 0.1  # of its mean, over the last quarter of the epochs: not yet at the end
VISIBLE = 0.02  # of its first value: in the flat end of a curve, less is neither rise nor fall


def diagnose(
    history: keras.callbacks.History | Mapping[str, Sequence[float]],
    *,
    wanted_accuracy: float = WANTED_ACCURACY,
    classes: int | None = None,
) -> list[str]:
    """Says in words what is wrong with a training, and which session's remedy to try.

    It reads the loss, the accuracy ("accuracy", else "acc", else the first metric whose name ends
    in "accuracy" and is no top-k), and both on validation data (`val_…`). Its rules are rules of
    thumb: the constants of this module are the thresholds.

    Args:
        history: what `fit` returns, or its `history` dictionary.
        wanted_accuracy: fraction in 0-1 that the task needs. Bias is measured against it: on data
            where people agree on 80 % of the labels, 0.8 is no under-fitting.
        classes: number of classes, about equally frequent; with it, accuracy at chance is seen.

    Returns:
        Findings, the gravest first, each a sentence or two that open with the finding's name and
        a colon. A training without a fault gives one finding, "healthy".

    Raises:
        ValueError: the history is empty or has no loss, a curve is not made of numbers, or an
            argument is out of range.

    Source:
        Ng, "Machine Learning Yearning", 2018, chapters 20-32 (bias and variance read off training
        and validation error); Goodfellow, Bengio and Courville, "Deep Learning", MIT Press 2016,
        chapter 11.
    """
    curves = _read(history, wanted_accuracy, classes)
    broken = _diverged(curves)
    if broken:
        return [broken]
    found = [finding for rule in _RULES if (finding := rule(curves))]
    # What does not learn at all needs no further word on how it does so.
    grave = [finding for finding in found if finding.startswith("not learning")]
    return grave[:1] or found or [_healthy(curves)]


class _Curves(NamedTuple):
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


def _rise(values: np.ndarray) -> float:
    """How far a curve ends above its smallest value, as a fraction of its first."""
    return float((values[-3:].mean() - values.min()) / _scale(values))


def _falling(values: np.ndarray) -> bool:
    """Whether a curve falls over its last quarter, by a line laid through it."""
    last = values[-max(3, len(values) // 4) :]
    if len(last) < 3:
        return False
    slope = np.polyfit(np.arange(len(last)), last, 1)[0]
    fall = -slope * (len(last) - 1)
    return bool(fall > STILL_FALLING * np.abs(last).mean() and fall > VISIBLE * _scale(values))


def _scale(values: np.ndarray) -> float:
    """The size of a curve's first value, against which changes are measured."""
    return max(abs(float(values[0])), 1e-12)


def _turning_epoch(curves: _Curves) -> int:
    """The epoch, from 1, after which the validation loss rose while training went on; else 0."""
    values = curves.val_loss
    if not curves.trend or len(values) < FEWEST_EPOCHS:
        return 0
    lowest = int(values.argmin())
    end = values[-3:].mean()
    rose = end - values[lowest] > VALIDATION_RISE * abs(values[lowest])
    visible = end - values[lowest] > VISIBLE * _scale(values)
    epoch = min(curves.epoch(values, lowest), len(curves.loss))
    went_on = curves.loss[-1] < curves.loss[epoch - 1]
    return epoch if rose and visible and went_on and lowest < len(values) - 3 else 0


def _read(
    history: keras.callbacks.History | Mapping[str, Sequence[float]],
    wanted: float,
    classes: int | None,
) -> _Curves:
    """The curves of a history, checked."""
    values = history if isinstance(history, Mapping) else getattr(history, "history", None)
    if not isinstance(values, Mapping):
        raise ValueError(
            "expected the History that fit returns, or its history dictionary, received "
            f"{type(history).__name__}"
        )
    if not 0 < wanted <= 1:
        raise ValueError(f"expected wanted_accuracy in 0-1, a fraction, received {wanted}")
    if classes is not None and classes < 2:
        raise ValueError(f"expected 2 classes or more, received classes={classes}")
    accuracy = _accuracy_name(values)
    curves = _Curves(
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
    """The metric that says how often the first prediction is right, as no top-k accuracy does."""
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


# A loss alone does not tell a network that learns nothing from one that has nothing left to learn.
_NOT_KNOWN = (
    " Or it had learned before, and this loss is as small as it gets: log an accuracy to tell."
)


def _diverged(curves: _Curves) -> str:
    for values in curves[:4]:
        bad = np.flatnonzero(~np.isfinite(values))
        if len(bad):
            epoch = curves.epoch(values, int(bad[0]))
            return (
                f"diverged: {values[bad[0]]:g} in epoch {epoch}. Divide the learning rate by "
                "ten, or clip the gradients (session 4); if it still happens in the first epoch, "
                "look for NaN or for huge values in the inputs (session 1)."
            )
    return ""


def _at_chance(curves: _Curves) -> str:
    if curves.classes is None or not len(curves.accuracy):
        return ""
    chance = 1 / curves.classes
    if curves.accuracy[-1] > chance + ABOVE_CHANCE * (1 - chance):
        return ""
    shown = (
        f"not learning: training accuracy {_percent(curves.accuracy[-1])}, and guessing among "
        f"{curves.classes} classes gives {_percent(chance)}. "
    )
    exploded = _exploded(curves)
    if exploded:
        return f"{shown}Probably a {exploded}"
    return shown + (
        "Check that labels belong to their inputs and that inputs are scaled (session 1); then "
        "try a learning rate ten times smaller, and one ten times larger (session 4)."
    )


def _not_falling(curves: _Curves) -> str:
    fall = (curves.loss[0] - curves.loss[-1]) / _scale(curves.loss)
    if not curves.trend or curves.learned or fall >= LEAST_FALL:
        return ""
    if _rise(curves.loss) >= TRAINING_RISE:  # it fell and rose again: another fault
        return ""
    return (
        f"not learning: the training loss went from {curves.loss[0]:.3g} to {curves.loss[-1]:.3g} "
        f"in {len(curves.loss)} epochs. Try a learning rate ten times larger, and one ten times "
        "smaller (session 4); then a larger network (session 2); and check inputs and labels."
        + ("" if len(curves.accuracy) else _NOT_KNOWN)
    )


def _rising(curves: _Curves) -> str:
    if not curves.trend or _rise(curves.loss) < TRAINING_RISE or _jumping(curves):
        return ""
    return (
        f"learning rate too high: the training loss was {curves.loss.min():.3g} and rose to "
        f"{curves.loss[-1]:.3g}. Divide the learning rate by three to ten, or let it warm up and "
        "decay (session 4)."
    )


def _exploded(curves: _Curves) -> str:
    if curves.classes is None or curves.learned:
        return ""
    guess = np.log(curves.classes)
    if curves.loss.max() <= WORSE_THAN_GUESSING * guess:
        return ""
    return (
        f"learning rate too high: a training loss of {curves.loss.max():.3g} in epoch "
        f"{curves.loss.argmax() + 1}, where guessing gives {guess:.2g}. Divide the learning rate "
        "by three to ten (session 4), and check that the inputs are scaled (session 1). Unless a "
        "penalty is part of the loss (L2, L1), which can make it as large: then look at the "
        "accuracy, and at the loss without the penalty."
    )


def _jumping(curves: _Curves) -> str:
    if not curves.trend:
        return ""
    steps = np.diff(curves.loss)
    upwards = np.maximum(steps, 0).mean() / _scale(curves.loss)
    turns = np.mean(np.sign(steps[1:]) != np.sign(steps[:-1]))
    if upwards < TRAINING_JUMPS or turns < TURNS:
        return ""
    return (
        "learning rate too high: the training loss jumps up and down between epochs. Divide the "
        "learning rate by three to ten, let it decay, or take larger batches (session 4)."
    )


def _under_fitting(curves: _Curves) -> str:
    if not len(curves.accuracy) or curves.learned or not curves.trend or _falling(curves.loss):
        return ""
    if _exploded(curves):  # which is the cause
        return ""
    return (
        f"under-fitting (bias): the training loss has levelled off at an accuracy of "
        f"{_percent(curves.accuracy[-1])}, where {_percent(curves.wanted)} is wanted. Try a larger "
        "or deeper network (session 2), convolutions for images (session 6), or less "
        "regularisation (session 3)."
    )


def _over_fitting(curves: _Curves) -> str:
    signs = []
    if len(curves.accuracy) and len(curves.val_accuracy):
        gap = curves.accuracy[-1] - curves.val_accuracy[-1]
        if gap > ACCURACY_GAP:
            signs.append(
                f"accuracy is {_percent(curves.accuracy[-1])} in training and "
                f"{_percent(curves.val_accuracy[-1])} in validation"
            )
    elif _loss_gap(curves) > LOSS_GAP:
        signs.append(
            f"the loss is {curves.loss[-1]:.3g} in training and {curves.val_loss[-1]:.3g} in "
            "validation"
        )
    turn = _turning_epoch(curves)
    if turn:
        signs.append(
            f"the validation loss was lowest in epoch {turn} ({curves.val_loss.min():.3g}) "
            f"and is {curves.val_loss[-1]:.3g} now"
        )
    if not signs:
        return ""
    return (
        f"over-fitting (variance): {', and '.join(signs)}. Get more data or augment what is "
        "there; then regularise: dropout, L2, label smoothing, early stopping (session 3)."
    )


def _loss_gap(curves: _Curves) -> float:
    """How far validation's loss ends above training's, as a fraction of its size."""
    if not len(curves.val_loss):
        return 0.0
    size = max(abs(curves.loss[-1]), keras.config.epsilon())
    return float((curves.val_loss[-1] - curves.loss[-1]) / size)


def _train_longer(curves: _Curves) -> str:
    watched, name = (
        (curves.val_loss, "validation") if len(curves.val_loss) else (curves.loss, "training")
    )
    short = len(curves.accuracy) > 0 and not curves.learned and _falling(curves.loss)
    if not curves.trend or not (_falling(watched) or short) or _turning_epoch(curves):
        return ""
    return (
        f"still improving: the {name if _falling(watched) else 'training'} loss is still falling "
        f"after {len(curves.loss)} epochs. Train longer, or choose a larger learning rate and let "
        "it decay (session 4)."
    )


def _noisy_validation(curves: _Curves) -> str:
    """Steps between epochs in the second half, where a training should have calmed down."""
    values = curves.val_accuracy if len(curves.val_accuracy) else curves.val_loss
    if not curves.trend or len(values) < FEWEST_EPOCHS:
        return ""
    limit = ACCURACY_JUMPS if len(curves.val_accuracy) else LOSS_JUMPS * np.abs(values).mean()
    late = values[len(values) // 2 :]
    # Steps that go one way are a trend; what remains after the trend is noise.
    steps = np.abs(np.diff(late)).mean() - abs(late[-1] - late[0]) / (len(late) - 1)
    if steps < limit:
        return ""
    return (
        "noisy validation: its curve jumps from epoch to epoch. Let the learning rate decay "
        "(session 4), and judge on more validation examples or on the mean of several epochs "
        "(session 3)."
    )


def _validation_leads(curves: _Curves) -> str:
    if not len(curves.accuracy) or not len(curves.val_accuracy):
        return ""
    lead = curves.val_accuracy[-1] - curves.accuracy[-1]
    if lead < ACCURACY_LEAD:
        return ""
    return (
        f"validation better than training, by {100 * lead:.1f} points: usually no fault. Dropout "
        "and augmentation make the training figures harder, and these are means over an epoch "
        "in which the network still changed. Without either, suspect that the validation set is "
        "easier or holds training examples (session 3)."
    )


def _too_short(curves: _Curves) -> str:
    if curves.trend:
        return ""
    return (
        f"too short to judge: {len(curves.loss)} of the {FEWEST_EPOCHS} epochs from which a trend "
        "can be read. Train longer."
    )


def _healthy(curves: _Curves) -> str:
    if len(curves.val_accuracy):
        shown = f"accuracy {_percent(curves.val_accuracy[-1])} in validation"
        shown += ", close to training" if len(curves.accuracy) else ""
    elif len(curves.val_loss):
        shown = f"validation loss {curves.val_loss[-1]:.3g}, {curves.loss[-1]:.3g} in training"
    else:
        return (
            f"healthy as far as can be seen: training loss {curves.loss[-1]:.3g}. Without "
            "validation data over-fitting stays invisible: pass validation_data to fit (session 3)."
        )
    return f"healthy: {shown}, and levelled off. Measure the test set, once."


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.1f} %"


# In the order of their gravity.
_RULES: tuple[Callable[[_Curves], str], ...] = (
    _at_chance,
    _not_falling,
    _exploded,
    _rising,
    _jumping,
    _under_fitting,
    _over_fitting,
    _train_longer,
    _noisy_validation,
    _validation_leads,
    _too_short,
)
