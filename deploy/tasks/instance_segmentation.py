"""Instance segmentation: a detector with masks; measured by the user's own metric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from deploy.runtime.errors import DeployError
from deploy.tasks import detection

if TYPE_CHECKING:
    from deploy.load.source import Source

# There is none but the user's own.
metric = None
further_metrics = None


def infer(
    source: Source,
    outputs: Sequence[np.ndarray],
    class_names: Sequence[str],
    settings: Mapping[str, Any] | None,
) -> dict[str, Any] | None:
    """The card's `detector`, as `detection.infer` has it; None without settings.

    Raises:
        DeployError: as `detection.infer`, and settings without coefficients and prototypes.
    """
    if settings is not None and settings.get("coefficients") is None:
        raise DeployError(
            "expected coefficients and prototypes, the names of two outputs, for the task "
            "instance_segmentation, received settings without; for boxes alone it is detection"
        )
    return detection.infer(source, outputs, class_names, settings)


# That of the boxes: the masks follow from them.
agreement = detection.agreement


def card_lines(card: Mapping[str, Any]) -> list[str]:
    """How the outputs become objects and their masks, in words."""
    weights, masks = (
        card["outputs"][card["detector"][key]]["name"] for key in ("coefficients", "prototypes")
    )
    *lines, blank = detection.card_lines(card)
    return [
        *lines,
        f"- The mask of a box: where the sum of `{masks}`, weighted by its `{weights}`, is above "
        "zero within the box.",
        blank,
    ]
