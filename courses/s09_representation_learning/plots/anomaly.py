"""Scores of what is normal and of what is not."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from sklearn.metrics import roc_curve

from thinkkeras.plots import BLUE, GREY, RED, PathLike, plain, save


def score_histogram(
    scores: np.ndarray, anomalous: np.ndarray, threshold: float, path: PathLike | None = None
) -> Figure:
    """Draws how scores of normal and of anomalous examples are distributed, and the threshold.

    Args:
        scores: `(examples,)`, on a scale of powers.
        anomalous: 1 of what is not normal.
        threshold: beyond which a device raises an alarm.
        path: where to save the figure.
    """
    figure = Figure(figsize=(8, 4.2), layout="constrained")
    axes = figure.add_subplot()
    edges = np.geomspace(scores.min(), scores.max(), 50).tolist()
    for value, title, colour in ((0, "normal", BLUE), (1, "anomalous", RED)):
        axes.hist(scores[anomalous == value], edges, color=colour, alpha=0.65, label=title)
    axes.axvline(threshold, color=GREY, ls="--", lw=1.5)
    axes.text(threshold, axes.get_ylim()[1], " threshold", color=GREY, va="top")
    axes.set_xscale("log")
    axes.set_xlabel("score: mean square of what is not reconstructed")
    axes.set_ylabel("examples")
    plain(axes, "y")
    axes.legend(frameon=False)
    return save(figure, path)


def roc_curves(
    scores: Mapping[str, np.ndarray], anomalous: np.ndarray, path: PathLike | None = None
) -> Figure:
    """Draws the share of anomalies found against that of false alarms, a curve a detector.

    Args:
        scores: by name `(examples,)`.
        anomalous: 1 of what is not normal.
        path: where to save the figure.
    """
    figure = Figure(figsize=(5.6, 5.2), layout="constrained")
    axes = figure.add_subplot()
    for (name, each), colour in zip(scores.items(), (RED, BLUE, "#2c8a57"), strict=False):
        alarms, found, _ = roc_curve(anomalous, each)
        axes.plot(100 * alarms, 100 * found, color=colour, lw=2, label=name)
    axes.plot([0, 100], [0, 100], color=GREY, ls=":", lw=1)
    axes.set_xlabel("false alarms, % of what is normal")
    axes.set_ylabel("found, % of the anomalies")
    plain(axes, "both")
    axes.legend(frameon=False, loc="lower right")
    return save(figure, path)
