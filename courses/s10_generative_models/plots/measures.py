"""What the measures of generated images look like."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from courses.s10_generative_models.experiments.collapse import Watched
from courses.s10_generative_models.experiments.measures import Quality
from courses.s10_generative_models.experiments.sampling import Sampled
from thinkkeras.plots import BLUE, GREY, RED, PathLike, plain, save

# Alike in colour: by likelihood, by an opponent, by noise, by numbers.
COLOURS = {
    "VAE": BLUE,
    "conditional VAE": "#9ecae1",
    "plain DCGAN": GREY,
    "DCGAN": "#c49a2c",
    "WGAN-GP": RED,
    "conditional GAN": "#e8a33d",
    "diffusion": "#2c8a57",
    "conditional diffusion": "#74c476",
    "VQ-VAE": "#6a51a3",
    "real images": "#111111",
}


def bound_in_parts(
    histories: Mapping[str, Mapping[str, Sequence[float]]], path: PathLike | None = None
) -> Figure:
    """Draws both parts of the evidence lower bound by epoch.

    Args:
        histories: by title what `fit` returns in `history`, with `reconstruction` and `kl`.
        path: where to save the figure.
    """
    figure = Figure(figsize=(11, 4.4), layout="constrained")
    for axes, part, title in zip(
        figure.subplots(1, 2),
        ("reconstruction", "kl"),
        ("minus log p(x | z), nats", "KL of code and prior, nats"),
        strict=True,
    ):
        for (name, history), colour in zip(
            histories.items(), (BLUE, RED, GREY, "#2c8a57"), strict=False
        ):
            epochs = np.arange(1, len(history[part]) + 1)
            axes.plot(epochs, history[part], color=colour, lw=2, marker=".", label=name)
        axes.set_title(title, loc="left")
        axes.set_xlabel("epoch")
        plain(axes, "y")
    figure.axes[1].legend(frameon=False)
    return save(figure, path)


def bounds(counts: Sequence[int], nats: Sequence[float], path: PathLike | None = None) -> Figure:
    """Draws the importance-weighted bound against its number of codes.

    Args:
        counts: numbers of codes, rising.
        nats: the bound of each, a test image.
        path: where to save the figure.
    """
    figure = Figure(figsize=(6.5, 4.2), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(counts, nats, color=BLUE, marker="o", lw=2)
    axes.set_xscale("log")
    axes.set_xticks(counts, [str(count) for count in counts])
    axes.minorticks_off()
    axes.set_xlabel("codes of each image")
    axes.set_ylabel("bound on log p(x), nats")
    plain(axes, "y")
    return save(figure, path)


def collapse(watched: Mapping[str, Watched], path: PathLike | None = None) -> Figure:
    """Draws how many classes are made, and how different the images are, during the training."""
    figure = Figure(figsize=(11, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for (name, each), colour in zip(watched.items(), (RED, "#c49a2c", BLUE), strict=False):
        left.plot(each.epochs, 100 * np.array(each.found), color=colour, lw=2, label=name)
        right.plot(each.epochs, each.spread, color=colour, lw=2, label=name)
    left.set_title("classes that are made, %", loc="left")
    right.set_title("spread of the features, real images = 1", loc="left")
    for axes in (left, right):
        axes.set_xlabel("epoch")
        axes.set_ylim(bottom=0)
        plain(axes, "y")
    left.legend(frameon=False)
    return save(figure, path)


def steps(found: Sequence[Sampled], path: PathLike | None = None) -> Figure:
    """Draws the Fréchet distance against the steps of the sampling."""
    figure = Figure(figsize=(7, 4.4), layout="constrained")
    axes = figure.add_subplot()
    for eta, name, colour in ((0.0, "DDIM", BLUE), (1.0, "DDPM", RED)):
        some = [each for each in found if each.eta == eta]
        axes.plot(
            [each.steps for each in some],
            [each.frechet for each in some],
            color=colour,
            marker="o",
            lw=2,
            label=name,
        )
    counts = sorted({each.steps for each in found})
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(counts, [str(count) for count in counts])
    axes.minorticks_off()
    axes.set_xlabel("steps")
    axes.set_ylabel("Fréchet distance")
    plain(axes, "y")
    axes.legend(frameon=False)
    return save(figure, path)


def fidelity_and_variety(
    found: Mapping[str, Sequence[Quality]], path: PathLike | None = None
) -> Figure:
    """Draws every training as a point: precision against recall, density against coverage.

    Args:
        found: by title one `Quality` a seed.
        path: where to save the figure.
    """
    figure = Figure(figsize=(12, 5), layout="constrained")
    for axes, across, up in zip(
        figure.subplots(1, 2), ("recall", "coverage"), ("precision", "density"), strict=True
    ):
        for name, seeds in found.items():
            axes.scatter(
                [getattr(each, across) for each in seeds],
                [getattr(each, up) for each in seeds],
                color=COLOURS[name],
                s=60,
                label=name,
            )
        axes.set_xlabel(f"{across}: variety")
        axes.set_ylabel(f"{up}: quality")
        axes.set_xlim(-0.03, 1.03)
        axes.set_ylim(bottom=-0.03)
        plain(axes, "both")
    figure.legend(
        *figure.axes[0].get_legend_handles_labels(), loc="outside right center", frameon=False
    )
    return save(figure, path)


def used_numbers(nats: np.ndarray, path: PathLike | None = None) -> Figure:
    """Draws the KL of each number of a VAE's code, the largest first: 0 is a number without use."""
    figure = Figure(figsize=(7, 3.6), layout="constrained")
    axes = figure.add_subplot()
    axes.bar(np.arange(1, len(nats) + 1), np.sort(nats)[::-1], color=BLUE)
    axes.set_xlabel("number of the code, by use")
    axes.set_ylabel("nats")
    plain(axes, "y")
    return save(figure, path)
