"""Schedules that Keras lacks: of learning rates, and of the weight of a loss."""

import math
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("thinkkeras")
class OneCycle(keras.optimizers.schedules.LearningRateSchedule):
    """One rise to a high learning rate, one fall back, and a tail that fades: Smith's "1cycle".

    In straight lines: from `peak_learning_rate / divisor` up to `peak_learning_rate` over half
    of the cycle, down again over its other half, and then, over the last `tail` of the steps,
    from where the cycle began to a hundredth of that, where it stays.

    The momentum, which Smith lets fall while the rate rises, is left to the optimizer.

    Args:
        peak_learning_rate: The highest rate, above 0; a learning-rate finder tells how high it may
            be.
        steps: Optimizer steps of the whole training.
        divisor: How many times lower than the peak the cycle begins and ends.
        tail: Fraction of the steps left for the tail, at least 0 and below 1.
        name: Name of the schedule.

    Raises:
        ValueError: An argument is out of range.

    Source:
        L. N. Smith, "A disciplined approach to neural network hyper-parameters: Part 1",
        arXiv:1803.09820, 2018, section 4.
    """

    def __init__(
        self,
        peak_learning_rate: float,
        steps: int,
        *,
        divisor: float = 10.0,
        tail: float = 0.1,
        name: str = "OneCycle",
    ) -> None:
        super().__init__()
        if not 0 < peak_learning_rate < math.inf:
            raise ValueError(
                f"expected a finite peak_learning_rate above 0, received {peak_learning_rate}"
            )
        if not steps >= 2 or steps % 1:
            raise ValueError(f"expected steps of at least 2, a whole number, received {steps}")
        if not 1 <= divisor < math.inf:
            raise ValueError(f"expected a finite divisor of at least 1, received {divisor}")
        if not 0 <= tail < 1:
            raise ValueError(f"expected a tail of at least 0 and below 1, received {tail}")
        self.peak_learning_rate = peak_learning_rate
        self.steps = int(steps)
        self.divisor = divisor
        self.tail = tail
        self.name = name

    def __call__(self, step: Any) -> Any:
        """The learning rate of one optimizer step, a float32 scalar."""
        step = ops.cast(step, "float32")
        low = self.peak_learning_rate / self.divisor
        half = self.steps * (1 - self.tail) / 2
        left = max(self.steps - 2 * half, 1.0)  # without a tail the next step is its end
        # 0 at both ends of the cycle and 1 in its middle; behind the cycle it stays 0.
        height = ops.maximum(1.0 - ops.absolute(step / half - 1.0), 0.0)
        faded = ops.clip((step - 2 * half) / left, 0.0, 1.0)
        return low + (self.peak_learning_rate - low) * height - 0.99 * low * faded

    def get_config(self) -> dict[str, Any]:
        return {
            "peak_learning_rate": self.peak_learning_rate,
            "steps": self.steps,
            "divisor": self.divisor,
            "tail": self.tail,
            "name": self.name,
        }


def warm_up(steps: int, target: float = 1.0) -> keras.optimizers.schedules.LearningRateSchedule:
    """Rises in a straight line from 0 to `target`, and stays: a VAE's weight of the KL, say.

    Args:
        steps: Of the rise, at least 1.
        target: The last value.

    Raises:
        ValueError: `steps` is below 1.

    Source: Bowman et al., "Generating Sentences from a Continuous Space", CoNLL 2016, section 3.1.
    """
    if steps < 1:
        raise ValueError(f"expected steps of at least 1, received {steps}")
    return keras.optimizers.schedules.PolynomialDecay(0.0, steps, float(target))
