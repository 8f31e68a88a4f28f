"""Callbacks that Keras lacks: a learning-rate finder, and evaluation against the clock."""

import math
import time
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops


class LearningRateFinder(keras.callbacks.Callback):
    """Raises the learning rate from step to step of one `fit` and records the loss.

    The rate grows by the same factor each step, from `lowest` to `highest`. The fit stops after
    `steps` steps, or as soon as the smoothed loss is not finite or is `divergence` times the
    lowest one so far; the loss must therefore not be negative. At the end the weights, the layers'
    other state (moving averages, seeds of dropout) and all that the optimizer holds (rate, slots,
    step count) are what they were, so that the same compiled model can be trained at once. A fit
    that an error or a key ends has no such end: call `restore` then. Give `fit` enough epochs for
    the steps:

        finder = LearningRateFinder()
        model.fit(x, y, epochs=finder.epochs(len(x), batch_size=32), callbacks=[finder], verbose=0)
        model.optimizer.learning_rate = finder.suggestion

    The history of such a fit holds the loss of an epoch's last step, not its mean.

    Args:
        lowest: Learning rate of the first step.
        highest: Learning rate of the last step.
        steps: Optimizer steps from one to the other.
        smoothing: Weight of the past in the smoothed loss, at least 0 and below 1.
        divergence: How many times its lowest value the smoothed loss may reach.

    Attributes:
        learning_rates: The rate of each step.
        losses: Loss of that step's batch, before the step changed the weights.
        smoothed: Moving average of `losses`, corrected for its start at zero.

    Raises:
        ValueError: An argument is out of range; from `fit`: the optimizer's learning rate is a
            schedule, or the model is compiled with several steps per execution; from `suggestion`:
            the fit ended before the last step without a divergence.

    Source:
        L. N. Smith, "Cyclical Learning Rates for Training Neural Networks", WACV 2017, section
        3.3 (the range test); the exponential rise is common practice since.
    """

    def __init__(
        self,
        lowest: float = 1e-5,
        highest: float = 10.0,
        steps: int = 100,
        *,
        smoothing: float = 0.9,
        divergence: float = 4.0,
    ) -> None:
        super().__init__()
        if not 0 < lowest < highest:
            raise ValueError(f"expected 0 < lowest < highest, received {lowest} and {highest}")
        if steps < 2:
            raise ValueError(f"expected steps of at least 2, received {steps}")
        if not 0 <= smoothing < 1:
            raise ValueError(f"expected 0 <= smoothing < 1, received {smoothing}")
        if divergence <= 1:
            raise ValueError(f"expected a divergence above 1, received {divergence}")
        self.steps = steps
        self.smoothing = smoothing
        self.divergence = divergence
        self._planned = np.geomspace(lowest, highest, steps)
        self._average = 0.0
        self._before: list[tuple[keras.Variable, np.ndarray]] = []
        self._forget()

    @property
    def suggestion(self) -> float:
        """The learning rate to begin with, by `suggest_learning_rate`."""
        if not self._diverged and len(self.losses) < self.steps:
            raise ValueError(
                f"expected a fit of {self.steps} steps, received one that ended after "
                f"{len(self.losses)}; give it epochs=finder.epochs(len(x), batch_size)"
            )
        return suggest_learning_rate(self.learning_rates, self.smoothed)

    def epochs(self, examples: int, batch_size: int) -> int:
        """How many epochs of `examples` examples hold the finder's steps."""
        return math.ceil(self.steps / math.ceil(examples / batch_size))

    def on_train_begin(self, logs: Any = None) -> None:
        if not isinstance(self.model.optimizer.learning_rate, keras.Variable):
            raise ValueError(
                "expected an optimizer whose learning_rate is a number, received a schedule; "
                "compile with a float, such as learning_rate=0.001, to look for the rate"
            )
        _expect_single_steps(self.model)
        self._forget()
        if not self.model.optimizer.built:
            self.model.optimizer.build(self.model.trainable_variables)
        variables = [*self.model.variables, *self.model.optimizer.variables]
        self._before = [(held, ops.convert_to_numpy(held).copy()) for held in variables]

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        _sync(self.model)
        # Keras logs the epoch's mean so far; anew each step, it is this batch's loss alone.
        self.model.reset_metrics()
        self.model.optimizer.learning_rate = self._planned[len(self.losses)]

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        loss = float((logs or {})["loss"])
        self.learning_rates.append(float(self._planned[len(self.losses)]))
        self.losses.append(loss)
        self._average = self.smoothing * self._average + (1 - self.smoothing) * loss
        self.smoothed.append(self._average / (1 - self.smoothing ** len(self.losses)))
        finite = math.isfinite(self.smoothed[-1])
        self._diverged = not finite or self.smoothed[-1] > self.divergence * min(self.smoothed)
        if self._diverged or len(self.losses) == self.steps:
            self.model.stop_training = True

    def on_train_end(self, logs: Any = None) -> None:
        self.restore()

    def restore(self) -> None:
        """Puts model and optimizer back to where the last fit found them, as its end does.

        Only a fit that was interrupted needs it; before any fit it does nothing.
        """
        if self._before:
            _sync(self.model)
        for variable, value in self._before:
            variable.assign(value)

    def _forget(self) -> None:
        self.learning_rates: list[float] = []
        self.losses: list[float] = []
        self.smoothed: list[float] = []
        self._average = 0.0
        self._diverged = False


def suggest_learning_rate(learning_rates: Sequence[float], losses: Sequence[float]) -> float:
    """A rate at which the loss still falls: a tenth of the one where it was lowest.

    Args:
        learning_rates: Rising, as a `LearningRateFinder` recorded them.
        losses: The smoothed loss at each; what is not finite is left out.

    Returns:
        The rate, no lower than the first one.

    Raises:
        ValueError: The lists differ in length, or fewer than two losses are finite.
    """
    rates, values = np.asarray(learning_rates, float), np.asarray(losses, float)
    if rates.shape != values.shape or np.isfinite(values).sum() < 2:
        raise ValueError(
            "expected as many learning rates as losses and at least two finite losses, received "
            f"{rates.size} rates and {np.isfinite(values).sum()} finite losses; run fit with the "
            "finder, from a lower rate"
        )
    lowest = rates[np.argmin(np.where(np.isfinite(values), values, np.inf))]
    return float(max(lowest / 10, rates[0]))


class TimedEvaluation(keras.callbacks.Callback):
    """Evaluates loss and accuracy on given examples every few steps, against the clock.

    The clock starts at the end of the first step, whose duration is that of building the graph,
    and runs only within steps: neither while the callback evaluates nor during validation.

    Args:
        x: Examples, in the shape that the model takes; they must fit through it in one batch.
        y: Their classes, integers of shape `(examples,)`.
        every: Steps between two evaluations.

    Attributes:
        steps: Steps done at each evaluation, the first one 1.
        seconds: Seconds of training until then.
        losses: The compiled loss on the examples, without penalties on weights.
        accuracies: Fraction of the examples whose most probable class is right.

    Raises:
        ValueError: `every` is not positive, or `y` is not one class for each example; from `fit`:
            the model is compiled with several steps per execution.
    """

    def __init__(self, x: np.ndarray, y: np.ndarray, every: int = 1) -> None:
        super().__init__()
        if every < 1:
            raise ValueError(f"expected every=1 or more steps, received {every}")
        self.x = ops.convert_to_tensor(x, "float32")
        # (examples, 1) would be compared with every prediction at once.
        self.y = np.asarray(y)
        if self.y.shape != (len(x),):
            raise ValueError(
                f"expected classes of shape ({len(x)},), one for each example, received shape "
                f"{self.y.shape}; y.reshape(-1) drops an axis of length 1"
            )
        self.every = every
        self._forget()

    def reached(self, accuracy: float) -> tuple[float, int] | None:
        """Seconds and steps at the first evaluation that found `accuracy` or more, or None."""
        for seconds, steps, found in zip(self.seconds, self.steps, self.accuracies, strict=True):
            if found >= accuracy:
                return seconds, steps
        return None

    def on_train_begin(self, logs: Any = None) -> None:
        _expect_single_steps(self.model)
        self._forget()

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self._began = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        float((logs or {})["loss"])  # waits for the step where a backend runs ahead of Python
        if self._done:
            self._trained += time.perf_counter() - self._began
        self._done += 1
        if self._done % self.every == 0 or self._done == 1:
            self._evaluate()

    def _evaluate(self) -> None:
        _sync(self.model)
        predicted = self.model(self.x, training=False)
        loss = ops.mean(keras.losses.get(self.model.loss)(self.y, predicted))
        classes = ops.convert_to_numpy(ops.argmax(predicted, axis=-1))
        self.steps.append(self._done)
        self.seconds.append(self._trained)
        self.losses.append(float(ops.convert_to_numpy(loss)))
        self.accuracies.append(float(np.mean(classes == self.y)))

    def _forget(self) -> None:
        self.steps: list[int] = []
        self.seconds: list[float] = []
        self.losses: list[float] = []
        self.accuracies: list[float] = []
        self._done, self._trained = 0, 0.0


def _expect_single_steps(model: keras.Model) -> None:
    if model.steps_per_execution != 1:
        raise ValueError(
            "expected a model compiled with steps_per_execution=1, received "
            f"{model.steps_per_execution}: the callback would see only some of the steps"
        )


def _sync(model: keras.Model) -> None:
    """Under JAX a fit keeps the variables to itself until it is asked for them."""
    if hasattr(model, "jax_state_sync"):
        model.jax_state_sync()
