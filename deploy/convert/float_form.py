"""What a quantization-aware model would be without its quantization."""

from __future__ import annotations

from deploy.convert.converter import convert
from deploy.load.readers import load
from deploy.load.source import Source


def float_form(source: Source) -> bytes:
    """The float flatbuffer of a quantization-aware model with the weights that it was trained to,
    none of which are rounded: what its deployed form is to be compared with operator by operator.

    Args:
        source: a model whose `trained_weights` is not None.

    Raises:
        DeployError: the model can't be converted.
    """
    from deploy.compress.quantization_aware import without_fake_quantization

    return convert(load(without_fake_quantization(source.model)), "float32", None).content
