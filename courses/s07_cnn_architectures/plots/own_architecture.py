"""What a search finds, beside the networks of the literature."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from courses.s07_cnn_architectures.experiments.own_architecture import Candidate, describe
from thinkkeras.plots import BLUE, GREY, RED, PathLike, plain, save


def candidates(found: Sequence[Candidate], budget: int, path: PathLike | None = None) -> Figure:
    """Draws the candidates of a search: accuracy after the short training against cycles.

    Args:
        found: the candidates, the most accurate first.
        budget: cycles that an inference may cost.
        path: where to save the figure.
    """
    figure = Figure(figsize=(14, 0.42 * len(found) + 1.6), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    rows = np.arange(len(found))
    colors = [RED] + [BLUE] * (len(found) - 1)
    left.barh(rows, [100 * candidate.accuracy for candidate in found], 0.7, color=colors)
    left.set_yticks(rows, [describe(candidate) for candidate in found])
    left.invert_yaxis()
    left.set_xlabel("right after a short training, %")
    lowest = 100 * min(candidate.accuracy for candidate in found)
    left.set_xlim(max(0, lowest - 5))
    right.barh(rows, [candidate.cycles / 1000 for candidate in found], 0.7, color=colors)
    right.axvline(budget / 1000, color=GREY, ls="--")
    right.set_xlabel("thousand cycles (dashed: the budget)")
    for axes in (left, right):
        plain(axes, "x")
    return save(figure, path)
