"""What session 4's trainings have in common: a compiled model, a new start, a choice of the
learning rate, a dtype policy, a search."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np

from thinkkeras.callbacks import TimedEvaluation
from thinkkeras.schedules import OneCycle

Examples = tuple[np.ndarray, np.ndarray]


def compiled(model: keras.Model, optimizer: keras.Optimizer) -> keras.Model:
    """`model`, ready for `fit`."""
    model.compile(
        optimizer=optimizer,
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=False,  # compiling takes longer than these fits
    )
    return model


def start_anew(
    model: keras.Model, weights: Sequence[np.ndarray], learning_rate: float, seed: int
) -> None:
    """Puts a compiled model back to where it started, with another learning rate.

    Args:
        model: compiled with a number as its learning rate.
        weights: as `get_weights` gave them.
        learning_rate: the new rate.
        seed: of the order of the examples that follows.
    """
    model.set_weights(weights)
    for variable in model.optimizer.variables:
        variable.assign(keras.ops.zeros_like(variable))
    model.optimizer.learning_rate = learning_rate
    keras.utils.set_random_seed(seed)


def best_rate(
    model: keras.Model,
    rates: np.ndarray,
    train: Mapping[str, Any],
    validation: Examples,
    seed: int,
) -> float:
    """The learning rate after which the validation loss is lowest; the model is left anew, at it.

    Args:
        model: compiled, at its first weights.
        rates: to try, each from those weights.
        train: arguments of `fit`: `x`, `y`, `epochs` …
        validation: images and classes.
        seed: of the order of the examples.
    """
    weights, losses = model.get_weights(), []
    for rate in rates:
        start_anew(model, weights, rate, seed)
        model.fit(**train)
        loss, _ = model.evaluate(*validation, batch_size=1000, verbose=0)
        losses.append(loss if np.isfinite(loss) else np.inf)
    chosen = float(rates[int(np.argmin(losses))])
    start_anew(model, weights, chosen, seed)
    return chosen


def race_row(
    name: str, rate: float, watch: TimedEvaluation, target: float, steps_per_epoch: int
) -> list[str]:
    """One line of the table: rate, epochs and seconds to `target`, accuracy at the end."""
    reached = watch.reached(target)
    times = ["not reached", "–"]
    if reached is not None:
        seconds, steps = reached
        times = [f"{steps / steps_per_epoch:.1f}", f"{seconds:.2f}"]
    return [name, f"{rate:.2g}", *times, f"{watch.accuracies[-1]:.1%}"]


def schedules(peak: float, steps: int) -> dict[str, Any]:
    """The learning rates compared, by name: numbers or schedules, over `steps` steps, none above
    `peak`."""
    made, warm_up = keras.optimizers.schedules, steps // 10
    boundaries, values = [steps // 2, 3 * steps // 4], [peak, peak / 10, peak / 100]
    return {
        "constant": peak,
        "steps": made.PiecewiseConstantDecay(boundaries, values),
        "cosine": made.CosineDecay(peak, steps),
        "warm-up and cosine": made.CosineDecay(
            0.0, steps - warm_up, warmup_target=peak, warmup_steps=warm_up
        ),
        "one-cycle": OneCycle(peak, steps),
    }


def in_precision(policy: str, build: Callable[..., keras.Model], **options: Any) -> keras.Model:
    """The model that `build` makes under a dtype policy, its softmax in float32.

    Args:
        policy: "float32", "mixed_bfloat16" or "mixed_float16".
        build: makes a classifier; takes `classifier_activation`.
        options: what else `build` takes.
    """
    previous = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        logits = build(classifier_activation=None, **options)
        outputs = keras.layers.Activation("softmax", dtype="float32")(logits.output)
        return keras.Model(logits.input, outputs)
    finally:
        keras.config.set_dtype_policy(previous)


def search_space(
    build: Callable[..., keras.Model],
) -> Callable[[keras_tuner.HyperParameters], keras.Model]:
    """What Keras Tuner searches: width, learning rate and weight decay of a compiled network.

    Args:
        build: makes a network; takes `units` and `batch_normalization`.
    """

    def chosen(choices: keras_tuner.HyperParameters) -> keras.Model:
        units = choices.Choice("units", [64, 128, 256])
        learning_rate = choices.Float("learning_rate", 1e-4, 1e-1, sampling="log")
        weight_decay = choices.Float("weight_decay", 1e-4, 1e-1, sampling="log")
        model = build(units=(units, units // 2), batch_normalization=True)
        return compiled(model, keras.optimizers.AdamW(learning_rate, weight_decay=weight_decay))

    return chosen


def random_search(
    build: Callable[[keras_tuner.HyperParameters], keras.Model],
    folder: Path,
    seed: int,
    trials: int = 8,
) -> keras_tuner.RandomSearch:
    """Keras Tuner's random search for the lowest validation loss.

    Args:
        build: from the tuner's choices, a compiled model.
        folder: what the tuner writes goes there; what an earlier search wrote is replaced.
        seed: of the choices.
        trials: how many combinations.
    """
    return keras_tuner.RandomSearch(
        build,
        objective=keras_tuner.Objective("val_loss", direction="min"),
        max_trials=trials,
        seed=seed,
        directory=folder,
        project_name="search",
        overwrite=True,
    )
