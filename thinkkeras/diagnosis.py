"""What a training's history says is wrong, in words, with the remedy to try first."""

from collections.abc import Callable, Mapping, Sequence

import keras
import numpy as np

from thinkkeras.histories import FEWEST_EPOCHS, Curves, falling, read, rise, scale, turning_epoch

# Accuracies, gaps and jumps of accuracy are shares (0.05 is five points). Changes of a loss are
# shares of its value after the first epoch, which gives the loss its scale, or of its own mean.
WANTED_ACCURACY = 0.9  # below it a training set is not learned, unless the caller says otherwise
ACCURACY_GAP = 0.05  # training above validation by more: over-fitting
ACCURACY_LEAD = 0.02  # validation above training by more: worth a word
LOSS_GAP = 1.0  # where no accuracy is logged: validation above training by this share of it
TRAINING_RISE = 0.1  # of its first value: a training loss that ends above its smallest value
TRAINING_JUMPS = 0.05  # of its first value: mean step of a training loss, counting steps upwards
TURNS = 0.25  # share of the epochs in which a jumping loss turns from down to up or back
ACCURACY_JUMPS = 0.03  # mean step of validation accuracy, up or down, in the second half
LOSS_JUMPS = 0.2  # of its mean: the same for the loss, where no accuracy is logged
LEAST_FALL = 0.1  # of its first value: less of a fall is no learning
ABOVE_CHANCE = 0.1  # of the way from chance to 100 %: not more is chance
WORSE_THAN_GUESSING = 2.0  # times the logarithm of the classes, which is a guesser's loss


def diagnose(
    history: keras.callbacks.History | Mapping[str, Sequence[float]],
    *,
    wanted_accuracy: float = WANTED_ACCURACY,
    classes: int | None = None,
) -> list[str]:
    """Says in words what is wrong with a training, and which session's remedy to try.

    It reads the loss, the accuracy ("accuracy", else "acc", else the first metric whose name ends
    in "accuracy" and is no top-k), and both on validation data (`val_…`). Its rules are rules of
    thumb: the constants of this module and of `thinkkeras.histories` are the thresholds.

    Args:
        history: what `fit` returns, or its `history` dictionary.
        wanted_accuracy: share in 0-1 that the task needs. Bias is measured against it: on data
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
    curves = read(history, wanted_accuracy, classes)
    broken = _diverged(curves)
    if broken:
        return [broken]
    found = [finding for rule in _RULES if (finding := rule(curves))]
    # What does not learn at all needs no further word on how it does so.
    grave = [finding for finding in found if finding.startswith("not learning")]
    return grave[:1] or found or [_healthy(curves)]


# A loss alone does not tell a network that learns nothing from one that has nothing left to learn.
_NOT_KNOWN = (
    " Or it had learned before, and this loss is as small as it gets: log an accuracy to tell."
)


def _diverged(curves: Curves) -> str:
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


def _at_chance(curves: Curves) -> str:
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


def _not_falling(curves: Curves) -> str:
    fall = (curves.loss[0] - curves.loss[-1]) / scale(curves.loss)
    if not curves.trend or curves.learned or fall >= LEAST_FALL:
        return ""
    if rise(curves.loss) >= TRAINING_RISE:  # it fell and rose again: another fault
        return ""
    return (
        f"not learning: the training loss went from {curves.loss[0]:.3g} to {curves.loss[-1]:.3g} "
        f"in {len(curves.loss)} epochs. Try a learning rate ten times larger, and one ten times "
        "smaller (session 4); then a larger network (session 2); and check inputs and labels."
        + ("" if len(curves.accuracy) else _NOT_KNOWN)
    )


def _rising(curves: Curves) -> str:
    if not curves.trend or rise(curves.loss) < TRAINING_RISE or _jumping(curves):
        return ""
    return (
        f"learning rate too high: the training loss was {curves.loss.min():.3g} and rose to "
        f"{curves.loss[-1]:.3g}. Divide the learning rate by three to ten, or let it warm up and "
        "decay (session 4)."
    )


def _exploded(curves: Curves) -> str:
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


def _jumping(curves: Curves) -> str:
    if not curves.trend:
        return ""
    steps = np.diff(curves.loss)
    upwards = np.maximum(steps, 0).mean() / scale(curves.loss)
    turns = np.mean(np.sign(steps[1:]) != np.sign(steps[:-1]))
    if upwards < TRAINING_JUMPS or turns < TURNS:
        return ""
    return (
        "learning rate too high: the training loss jumps up and down between epochs. Divide the "
        "learning rate by three to ten, let it decay, or take larger batches (session 4)."
    )


def _under_fitting(curves: Curves) -> str:
    if not len(curves.accuracy) or curves.learned or not curves.trend or falling(curves.loss):
        return ""
    if _exploded(curves):  # which is the cause
        return ""
    return (
        f"under-fitting (bias): the training loss has levelled off at an accuracy of "
        f"{_percent(curves.accuracy[-1])}, where {_percent(curves.wanted)} is wanted. Try a larger "
        "or deeper network (session 2), convolutions for pictures (session 6), or less "
        "regularisation (session 3)."
    )


def _over_fitting(curves: Curves) -> str:
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
    turn = turning_epoch(curves)
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


def _loss_gap(curves: Curves) -> float:
    """How far validation's loss ends above training's, as a share of its size."""
    if not len(curves.val_loss):
        return 0.0
    size = max(abs(curves.loss[-1]), keras.config.epsilon())
    return float((curves.val_loss[-1] - curves.loss[-1]) / size)


def _train_longer(curves: Curves) -> str:
    watched, name = (
        (curves.val_loss, "validation") if len(curves.val_loss) else (curves.loss, "training")
    )
    short = len(curves.accuracy) > 0 and not curves.learned and falling(curves.loss)
    if not curves.trend or not (falling(watched) or short) or turning_epoch(curves):
        return ""
    return (
        f"still improving: the {name if falling(watched) else 'training'} loss is still falling "
        f"after {len(curves.loss)} epochs. Train longer, or choose a larger learning rate and let "
        "it decay (session 4)."
    )


def _noisy_validation(curves: Curves) -> str:
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


def _validation_leads(curves: Curves) -> str:
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


def _too_short(curves: Curves) -> str:
    if curves.trend:
        return ""
    return (
        f"too short to judge: {len(curves.loss)} of the {FEWEST_EPOCHS} epochs from which a trend "
        "can be read. Train longer."
    )


def _healthy(curves: Curves) -> str:
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


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


# In the order of their gravity.
_RULES: tuple[Callable[[Curves], str], ...] = (
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
