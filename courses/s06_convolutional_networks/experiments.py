"""What session 6 measures of a network: how far its output pixels see."""

from typing import NamedTuple

import keras


class ReceptiveField(NamedTuple):
    """What an output pixel of one layer sees, along one axis, in pixels of the model's input."""

    name: str
    kind: str  # "convolution" or "pooling"
    kernel_size: int
    strides: int
    output_shape: tuple[int, int, int]
    size: int
    jump: int  # between neighbouring output pixels


def receptive_fields(model: keras.Model) -> list[ReceptiveField]:
    """Follows the receptive field through a plain stack of convolutions and poolings.

    Args:
        model: a functional model without branches.

    Returns:
        One `ReceptiveField` for each convolution and pooling, from the input to the output.

    Source:
        Araujo, Norris and Sim, "Computing Receptive Fields of Convolutional Neural Networks",
        Distill 2019.
    """
    found, size, jump = [], 1, 1
    for layer in model.layers:
        pooling = hasattr(layer, "pool_size")
        kernel = getattr(layer, "pool_size" if pooling else "kernel_size", None)
        if kernel is None:
            continue
        dilation = 1 if pooling else layer.dilation_rate[0]
        size += dilation * (kernel[0] - 1) * jump
        jump *= layer.strides[0]
        kind = "pooling" if pooling else "convolution"
        shape = tuple(layer.output.shape[1:])
        found.append(
            ReceptiveField(layer.name, kind, kernel[0], layer.strides[0], shape, size, jump)
        )
    return found
