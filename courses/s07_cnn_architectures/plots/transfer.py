"""What transfer brings where examples are few."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from courses.s07_cnn_architectures.experiments.transfer import FewExamples
from thinkkeras.plots import BLUE, GREY, RED, PathLike, plain, save

WAYS = {
    "scratch": ("from scratch", GREY, "o"),
    "frozen": ("frozen features", BLUE, "s"),
    "fine_tuned": ("fine-tuned", RED, "D"),
}


def few_examples(rows: Sequence[FewExamples], path: PathLike | None = None) -> Figure:
    """Draws the accuracy of each way to learn against the examples of a class.

    Args:
        rows: one a number of examples, in rising order.
        path: where to save the figure.
    """
    figure = Figure(figsize=(8, 4.8), layout="constrained")
    axes = figure.add_subplot()
    counts = [row.per_class for row in rows]
    for field, (label, color, marker) in WAYS.items():
        heights = [100 * getattr(row, field) for row in rows]
        axes.plot(counts, heights, color=color, marker=marker, lw=2, ms=8, label=label)
    axes.set_xscale("log")
    axes.set_xticks(counts, [str(count) for count in counts])
    axes.minorticks_off()
    axes.set_xlabel("training examples of each class")
    axes.set_ylabel("right on test data, %")
    plain(axes, "y")
    axes.legend(frameon=False)
    return save(figure, path)
