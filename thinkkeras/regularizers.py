"""Penalties that Keras lacks."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("thinkkeras")
class Sparsity(keras.Regularizer):
    """Asks each unit of a code to be active in a small share of the examples.

    The penalty is the sum over the units of KL(p ‖ q): p is the share asked for, q the mean of the
    unit's activation over the batch, both as probabilities of a coin. Units have activations
    between 0 and 1: a sigmoid's.

    Args:
        share: p, between 0 and 1.
        weight: Of the penalty in the loss.

    Raises:
        ValueError: The share is not between 0 and 1.

    Source:
        Lee, Ekanadham and Ng, "Sparse deep belief net model for visual area V2", NIPS 2007; Ng,
        "Sparse autoencoder", CS294A lecture notes, 2011, section 3.
    """

    def __init__(self, share: float = 0.05, weight: float = 1.0) -> None:
        if not 0 < share < 1:
            raise ValueError(f"expected a share between 0 and 1, received {share}")
        self.share, self.weight = share, weight

    def __call__(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """The penalty of activations `(batch, units)`, a number."""
        active = ops.clip(ops.mean(x, axis=0), 1e-6, 1 - 1e-6)
        divergence = self.share * ops.log(self.share / active) + (1 - self.share) * ops.log(
            (1 - self.share) / (1 - active)
        )
        return self.weight * ops.sum(divergence)

    def get_config(self) -> dict[str, float]:
        return {"share": self.share, "weight": self.weight}
