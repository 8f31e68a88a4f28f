"""Session 2's experiment on the device: what an activation function costs there."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

import deploy
from thinkkeras.models import mlp


def activation_rows(
    activations: Iterable[str],
    images: np.ndarray,
    classes: int,
    target: str,
    out: Path,
    seed: int = 0,
) -> list[list[str]]:
    """Exports one small network for each activation and compares the cards.

    Args:
        activations: names of Keras activations.
        images: (examples, height, width, channels), pixels of 0-255 to calibrate with.
        classes: number of classes.
        target: where to.
        out: folder for the bundles.
        seed: of the exports.

    Returns:
        Rows of text, the header first. The networks are untrained: operators, size and time do
        not depend on the weights.
    """
    rows = [["activation", "operators", "model", "latency on this CPU"]]
    for name in activations:
        card = deploy.export(
            mlp(images.shape[1:], classes, units=(64, 64), activation=name),
            target,
            out=out / name,
            calibration=images,
            seed=seed,
            overwrite=True,
            verbose=0,
        )
        operators = ", ".join(f"{count} {operator}" for operator, count in card["ops"].items())
        latency = f"{1000 * card['latency_ms']['median']:.1f} µs"
        rows.append([name, operators, f"{card['size_bytes'] / 1000:.1f} kB", latency])
    return rows
