"""Detection heads: what predicts numbers for each location of a level of feature maps."""

import math
from collections.abc import Sequence

import keras

from thinkkeras.models.blocks.convolution import separable_block

# An untrained detector takes 1 % of its locations for objects (Lin et al., "Focal Loss for Dense
# Object Detection", section 4.1): the loss of all the others would drown the rest otherwise.
PRIOR_LOGIT = math.log(0.01 / 0.99)


def detection_head(
    x: keras.KerasTensor, outputs: int, bias: Sequence[float], *, name: str
) -> keras.KerasTensor:
    """A branch that predicts numbers for each location of one level.

    Its layers are those of `separable_block` called `{name}_block`, then `{name}_conv` and
    `{name}_rows`.

    Args:
        x: Feature maps `(batch, height, width, channels)`.
        outputs: Numbers for each location.
        bias: The last convolution's initial bias, one number for each output: what an untrained
            branch predicts.
        name: Prefix of the layers' names.

    Returns:
        Logits `(batch, height * width, outputs)`, row by row.
    """
    x = separable_block(x, x.shape[-1], name=f"{name}_block")
    x = keras.layers.Conv2D(
        outputs,
        1,
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.01),
        bias_initializer=keras.initializers.Constant(list(bias)),
        name=f"{name}_conv",
    )(x)
    return keras.layers.Reshape((x.shape[1] * x.shape[2], outputs), name=f"{name}_rows")(x)


def shared_head(
    filters: int, depth: int, outputs: int, bias: str | keras.Initializer, *, name: str
) -> keras.Model:
    """A head of 3x3 convolutions whose weights all levels share, as RetinaNet's.

    Its layers are `{name}_conv1` to `{name}_conv{depth}` and `{name}_out`.

    Args:
        filters: Feature maps of the levels, and of each convolution before the last.
        depth: How many of these there are.
        outputs: Numbers for each location.
        bias: Initializer of the last convolution's bias.
        name: Name of the head and prefix of its layers' names.

    Returns:
        A model of feature maps `(batch, height, width, filters)`, of any size, to
        `(batch, height, width, outputs)`.

    Source:
        Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017, section 4 and figure 3.
    """
    layers = [
        keras.layers.Conv2D(
            filters,
            3,
            padding="same",
            activation="relu",
            kernel_initializer="he_normal",
            name=f"{name}_conv{k}",
        )
        for k in range(1, depth + 1)
    ]
    last = keras.layers.Conv2D(
        outputs,
        3,
        padding="same",
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.01),
        bias_initializer=bias,
        name=f"{name}_out",
    )
    return keras.Sequential([keras.Input((None, None, filters)), *layers, last], name=name)
