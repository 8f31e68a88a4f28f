"""The optimizer that lessons train with, and one for two networks that play against each other."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops


def adamw(
    steps: int,
    learning_rate: float,
    *,
    alpha: float = 0.0,
    weight_decay: float = 0.004,
    clipnorm: float | None = None,
    ema_momentum: float | None = None,
) -> keras.optimizers.AdamW:
    """AdamW, whose learning rate warms up over a tenth of the steps and falls along a cosine.

    Args:
        steps: Optimizer steps of the whole training, at least 1.
        learning_rate: The highest rate, reached at the end of the warm-up.
        alpha: The last rate, as a fraction of the highest.
        weight_decay: Every step takes this times the learning rate from each weight, as a fraction.
        clipnorm: The highest norm of a variable's gradient; None clips nothing.
        ema_momentum: With it, `fit` leaves weights that are exponential moving averages, over the
            last `1 / (1 - ema_momentum)` steps or so; None leaves those of the last step.

    Raises:
        ValueError: `steps` is below 1; or what `keras.optimizers.AdamW` refuses.

    Source:
        Loshchilov and Hutter, "Decoupled Weight Decay Regularization", ICLR 2019; "SGDR: Stochastic
        Gradient Descent with Warm Restarts", ICLR 2017, equation 5 (the cosine); Polyak and
        Juditsky, "Acceleration of Stochastic Approximation by Averaging", SIAM Journal on Control
        and Optimization 30(4), 1992.
    """
    if steps < 1:
        raise ValueError(f"expected steps of at least 1, received {steps}")
    warmup_steps = max(1, steps // 10)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0,
        max(1, steps - warmup_steps),
        alpha=alpha,
        warmup_target=learning_rate,
        warmup_steps=warmup_steps,
    )
    return keras.optimizers.AdamW(
        schedule,
        weight_decay=weight_decay,
        clipnorm=clipnorm,
        use_ema=ema_momentum is not None,
        ema_momentum=0.99 if ema_momentum is None else ema_momentum,
    )


@keras.saving.register_keras_serializable("thinkkeras")
class Alternating(keras.optimizers.Optimizer):
    """Two optimizers for one model: one steps always, the other at every n-th step only.

    Both see the gradients at the same weights: those of before the step.

    Args:
        first: Trains the first `count` of the model's trainable variables, at every step.
        second: Trains the others; another instance.
        count: How many variables are the first one's.
        every: `second` takes the last one of so many steps; 1 is all of them.
        name: Name of the optimizer.

    Raises:
        ValueError: `every` or `count` is below 1, or both optimizers are one.
    """

    def __init__(
        self,
        first: keras.optimizers.Optimizer,
        second: keras.optimizers.Optimizer,
        count: int,
        every: int = 1,
        name: str = "alternating",
    ) -> None:
        if min(count, every) < 1 or first is second:
            raise ValueError(
                "expected two optimizers, and count and every of at least 1, received "
                f"{first.name} and {second.name}, count={count} and every={every}"
            )
        super().__init__(learning_rate=0.0, name=name)
        self.first, self.second, self.count, self.every = first, second, count, every

    @property
    def variables(self) -> list[keras.Variable]:
        return [*super().variables, *self.first.variables, *self.second.variables]

    @property
    def learning_rate(self) -> Any:
        """The first one's."""
        return self.first.learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate: Any) -> None:
        self.first.learning_rate = learning_rate

    def build(self, variables: Sequence[keras.Variable]) -> None:
        if not self.built:
            self.first.build(variables[: self.count])
            self.second.build(variables[self.count :])
            super().build(variables)

    def apply(
        self, grads: Sequence[Any], trainable_variables: Sequence[keras.Variable] | None = None
    ) -> None:
        if trainable_variables is not None:
            self.build(list(trainable_variables))
        variables, count = self._trainable_variables, self.count
        self.first.apply(list(grads[:count]), variables[:count])
        # Taken always and undone where it isn't due: every backend traces that alike.
        changed = [*variables[count:], *self.second.variables]
        before = [ops.copy(ops.convert_to_tensor(variable)) for variable in changed]
        self.second.apply(list(grads[count:]), variables[count:])
        due = ops.equal((self.iterations + 1) % self.every, 0)
        for variable, value in zip(changed, before, strict=True):
            variable.assign(ops.where(due, ops.convert_to_tensor(variable), value))
        self.iterations.assign_add(1)

    def finalize_variable_values(self, var_list: Sequence[keras.Variable]) -> None:
        self.first.finalize_variable_values(var_list[: self.count])
        self.second.finalize_variable_values(var_list[self.count :])

    def get_config(self) -> dict[str, Any]:
        return {
            "first": keras.saving.serialize_keras_object(self.first),
            "second": keras.saving.serialize_keras_object(self.second),
            "count": self.count,
            "every": self.every,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "Alternating":
        parts = ("first", "second")
        found = {
            part: keras.saving.deserialize_keras_object(config[part], custom_objects)
            for part in parts
        }
        return cls(**(config | found))
