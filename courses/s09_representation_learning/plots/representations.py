"""What representations are worth, and what they look like."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from courses.s09_representation_learning.experiments.compression import Compressed
from courses.s09_representation_learning.experiments.representations import Worth
from thinkkeras.plots import BLUE, GREY, RED, PathLike, plain, save

# Without a network, with a decoder, without one, with labels: alike in colour.
COLOURS = {
    "pixels": GREY,
    "PCA": "#5b6472",
    "linear": "#9ecae1",
    "deep": BLUE,
    "sparse": "#08519c",
    "contractive": "#41b6c4",
    "convolutional": "#2c8a57",
    "denoising": "#74c476",
    "masked": "#c49a2c",
    "SimCLR": RED,
    "supervised": "#111111",
}


def accuracy_by_labels(
    found: Mapping[str, Sequence[Worth]], path: PathLike | None = None
) -> Figure:
    """Draws the accuracy of a linear classifier and of the nearest neighbours by known labels.

    Args:
        found: by method one `Worth` a seed.
        path: where to save the figure.
    """
    figure = Figure(figsize=(12, 5.2), layout="constrained")
    for axes, field, title in zip(
        figure.subplots(1, 2, sharey=True),
        ("probe", "neighbours"),
        ("a linear classifier on the code", "its nearest neighbours"),
        strict=True,
    ):
        for name, seeds in found.items():
            heights = 100 * np.array([getattr(each, field) for each in seeds])
            mean, spread = heights.mean(axis=0), heights.std(axis=0)
            counts = seeds[0].counts
            style = {"color": COLOURS[name], "lw": 2}
            if name in ("pixels", "PCA", "supervised"):
                style["ls"] = "--"
            axes.plot(counts, mean, marker="o", ms=5, label=name, **style)
            axes.fill_between(counts, mean - spread, mean + spread, color=COLOURS[name], alpha=0.12)
        axes.set_xscale("log")
        axes.set_xticks(counts, [f"{count:,}" for count in counts])
        axes.minorticks_off()
        axes.set_title(title, loc="left")
        axes.set_xlabel("known labels")
        plain(axes, "y")
    figure.axes[0].set_ylabel("right on test images, %")
    figure.legend(
        *figure.axes[0].get_legend_handles_labels(), loc="outside right center", frameon=False
    )
    return save(figure, path)


def error_by_code(
    errors: Mapping[str, Mapping[int, float]], path: PathLike | None = None
) -> Figure:
    """Draws the reconstruction's error against the numbers of the code.

    Args:
        errors: by method and size of the code, mean squares of pixels / 255.
        path: where to save the figure.
    """
    figure = Figure(figsize=(7.5, 4.8), layout="constrained")
    axes = figure.add_subplot()
    for name, by_size in errors.items():
        sizes = sorted(by_size)
        heights = [by_size[size] for size in sizes]
        axes.plot(sizes, heights, color=COLOURS[name], marker="o", lw=2, label=name)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.minorticks_off()
    axes.set_xlabel("numbers of the code")
    axes.set_ylabel("mean square error on test images")
    plain(axes, "y")
    axes.legend(frameon=False)
    return save(figure, path)


def latent_maps(
    planes: Mapping[str, np.ndarray],
    classes: np.ndarray,
    class_names: Sequence[str],
    path: PathLike | None = None,
) -> Figure:
    """Draws codes that were brought down to the plane, in the colours of their classes.

    Args:
        planes: by title `(examples, 2)`.
        classes: of the examples; no method has seen them.
        class_names: by index.
        path: where to save the figure.
    """
    figure = Figure(figsize=(5 * len(planes) + 1.2, 5), layout="constrained")
    for axes, (title, plane) in zip(
        figure.subplots(1, len(planes), squeeze=False)[0], planes.items(), strict=True
    ):
        drawn = axes.scatter(*plane.T, c=classes, cmap="tab10", s=9, lw=0, vmin=-0.5, vmax=9.5)
        axes.set_title(title, loc="left")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
    handles, _ = drawn.legend_elements(num=list(range(len(class_names))))
    figure.legend(handles, class_names, loc="outside right center", frameon=False)
    return save(figure, path)


def rate_and_quality(
    curves: Mapping[str, Sequence[Compressed]], path: PathLike | None = None
) -> Figure:
    """Draws how well images come back against the bits that they take.

    Args:
        curves: by title, from few bits to many.
        path: where to save the figure.
    """
    figure = Figure(figsize=(7.5, 4.8), layout="constrained")
    axes = figure.add_subplot()
    # The first may lie under the second.
    for (title, points), colour, width in zip(
        curves.items(), (RED, BLUE, GREY), (7, 2, 2), strict=True
    ):
        bits, quality = zip(*points, strict=True)
        alpha = 0.35 if width > 2 else 1.0
        axes.plot(bits, quality, color=colour, marker="o", lw=width, alpha=alpha, label=title)
    axes.set_xlabel("bits of a pixel")
    axes.set_ylabel("PSNR on test images, dB")
    plain(axes, "both")
    axes.legend(frameon=False)
    return save(figure, path)
