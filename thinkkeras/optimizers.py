"""The optimizer that lessons train with."""

import keras


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
