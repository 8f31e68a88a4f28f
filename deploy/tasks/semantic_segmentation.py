"""Semantic segmentation: class scores of each pixel; measured by the user's own metric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from deploy.runtime.errors import DeployError
from deploy.tasks import classification

if TYPE_CHECKING:
    from deploy.load.source import Source

# There is none but the user's own.
metric = None
further_metrics = None

# So many images tell what their pixels' scores have been through.
_SHOWN = 16


def infer(
    source: Source,
    outputs: Sequence[np.ndarray],
    class_names: Sequence[str],
    settings: Mapping[str, Any] | None,
) -> dict[str, Any] | None:
    """The card's `activation` of what gives each pixel's scores; None where nobody asks for it.

    Raises:
        DeployError: outputs of another shape, or not as many class names as classes.
    """
    if settings is None:
        return None
    if len(outputs) != 1 or outputs[0].ndim != 4:
        raise DeployError(
            "expected one output (1, height, width, classes) for the task semantic_segmentation, "
            f"received {' and '.join(str((1, *output.shape[1:])) for output in outputs)}"
        )
    scores = outputs[0][:_SHOWN]
    classification.check_count(class_names, max(2, scores.shape[-1]))
    if classification.sums_to_one(scores):
        return {"activation": "softmax"}
    # The last layer tells less: one that resizes, say, has no activation.
    fractions = ((scores >= 0) & (scores <= 1)).all()
    return {"activation": "sigmoid" if fractions else "linear"}


# That of a classifier of pixels.
agreement = classification.agreement


def card_lines(card: Mapping[str, Any]) -> list[str]:
    """How the scores become a label map, in words."""
    output = card["outputs"][0]
    _, height, width, classes = output["shape"]
    of_what = "logits" if card["activation"] == "linear" else "probabilities"
    middle = "zero" if card["activation"] == "linear" else "one half"
    rule = "the largest is its class" if classes > 1 else f"above {middle} it is the second class"
    return [
        "## Segmentation",
        "",
        f"- `{output['name']}` are {of_what} of each pixel of {height} × {width}, interpolated to "
        f"the image's size: {rule}.",
        "",
    ]
