"""The gradient of a network's outputs with respect to its inputs, itself to be differentiated.

Keras has no such function of its own, so this file, and only this one, asks which backend runs.
"""

from collections.abc import Callable

import keras
from keras import KerasTensor, ops


def input_gradient(function: Callable[[KerasTensor], KerasTensor], x: KerasTensor) -> KerasTensor:
    """The gradient of the sum of `function(x)` with respect to `x`.

    Where each output depends on its own example only, these are the gradients of each example.

    Args:
        function: From `x` to a tensor of any shape.
        x: `(batch, …)`.

    Returns:
        Of the shape of `x`.

    Raises:
        NotImplementedError: The backend is neither TensorFlow nor JAX.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(x)
            total = ops.sum(function(x))
        return tape.gradient(total, x)
    if backend == "jax":
        import jax

        return jax.grad(lambda x: ops.sum(function(x)))(x)
    raise NotImplementedError(
        f"expected the backend tensorflow or jax, received {backend}; a gradient penalty needs the "
        "gradient of a gradient: train with gradient_penalty=0, or set KERAS_BACKEND"
    )
