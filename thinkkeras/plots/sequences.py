"""Figures of recordings, sentences and DNA."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import PathPatch
from matplotlib.textpath import TextPath
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Affine2D

from thinkkeras.plots.style import GREY, RED, PathLike, plain, save

LETTER_COLOURS = {"A": "#2f855a", "C": "#2563b0", "G": "#d69e2e", "T": "#c53030"}
AGAINST_FOR = LinearSegmentedColormap.from_list("against, for", ["#f08070", "white", "#68bd85"])
LETTER = 9 * 0.602 / 72  # inches: the width of a monospaced letter of 9 points


def spectrograms(
    recordings: Sequence[np.ndarray],
    shown: Sequence[np.ndarray] | np.ndarray,
    titles: Sequence[str],
    *,
    rate: int,
    hop: int,
    columns: int = 5,
    path: PathLike | None = None,
) -> Figure:
    """Draws recordings, each above its spectrogram.

    Args:
        recordings: Samples of each, `(samples,)`.
        shown: Its log-mel spectrogram, `(frames, bins)`.
        titles: What is said.
        rate: Samples a second.
        hop: Samples from one frame to the next.
        columns: How many stand side by side.
        path: Where to save the figure.
    """
    rows = -(-len(recordings) // columns)
    figure = Figure(figsize=(2.2 * columns, 2.6 * rows), layout="constrained")
    grid = figure.subplots(
        2 * rows, columns, squeeze=False, height_ratios=[1, 2] * rows, sharex="col"
    )
    for axes in grid.flat:
        axes.axis("off")
    low, high = np.percentile(np.concatenate([one.ravel() for one in shown]), (5, 99.5))
    for number, (samples, picture, title) in enumerate(zip(recordings, shown, titles, strict=True)):
        row, column = divmod(number, columns)
        wave, spectrum = grid[2 * row][column], grid[2 * row + 1][column]
        seconds = len(picture) * hop / rate
        start = max(0.0, (seconds - len(samples) / rate) / 2)
        wave.plot(start + np.arange(len(samples)) / rate, samples, color=GREY, linewidth=0.5)
        wave.set_xlim(0, seconds)
        wave.set_title(title, fontsize=10)
        spectrum.imshow(
            picture.T,
            origin="lower",
            aspect="auto",
            cmap="magma",
            vmin=low,
            vmax=high,
            extent=(0, seconds, 0, picture.shape[1]),
        )
    last = grid[-1][0]
    last.axis("on")
    last.set_xlabel("seconds")
    last.set_ylabel("mel bin")
    return save(figure, path)


def attention_map(
    weights: np.ndarray,
    source: Sequence[str],
    target: Sequence[str],
    path: PathLike | None = None,
    axes: Axes | None = None,
) -> Figure:
    """Draws where a translator looked: a row for each word that it wrote.

    Args:
        weights: `(target, source)`, each row sums to 1.
        source: The words read.
        target: The words written.
        path: Where to save the figure.
        axes: Where to draw; None makes a figure of its own.
    """
    if axes is None:
        size = (2.5 + 0.42 * len(source), 1.8 + 0.34 * len(target))
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots()
    figure = axes.get_figure()  # type: ignore[assignment]
    axes.imshow(weights, cmap="Blues", vmin=0, vmax=max(0.5, float(weights.max())), aspect="auto")
    axes.set_xticks(range(len(source)), source, rotation=60, ha="left", rotation_mode="anchor")
    axes.set_yticks(range(len(target)), target)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return save(figure, path)


def symbol_probabilities(
    spectrogram: np.ndarray,
    probabilities: np.ndarray,
    names: Sequence[str],
    written: Sequence[tuple[int, str]],
    *,
    rate: int,
    hop: int,
    path: PathLike | None = None,
) -> Figure:
    """Draws a recording of several words as a network hears it, and what it makes of each moment.

    Args:
        spectrogram: Log-mel, `(frames, bins)`.
        probabilities: Of each symbol at each step, `(steps, symbols)`, over the same time.
        names: Of the symbols, the blank included.
        written: What is decoded: the step at which each symbol begins, and its name.
        rate: Samples a second.
        hop: Samples from one frame to the next.
        path: Where to save the figure.
    """
    seconds = len(spectrogram) * hop / rate
    figure = Figure(figsize=(9, 1.8 + 0.22 * (10 + len(names))), layout="constrained")
    heard, symbols = figure.subplots(2, 1, sharex=True, height_ratios=[10, len(names)])
    low, high = np.percentile(spectrogram, (5, 99.5))
    heard.imshow(
        spectrogram.T,
        origin="lower",
        aspect="auto",
        cmap="magma",
        vmin=low,
        vmax=high,
        extent=(0, seconds, 0, spectrogram.shape[1]),
    )
    heard.set_ylabel("mel bin")
    symbols.imshow(
        probabilities.T,
        aspect="auto",
        cmap="Blues",
        vmin=0,
        vmax=1,
        interpolation="nearest",
        extent=(0, seconds, len(names) - 0.5, -0.5),
    )
    symbols.set_yticks(range(len(names)), names)
    symbols.set_ylabel("probability of")
    symbols.set_xlabel("seconds")
    symbols.tick_params(axis="y", length=0)
    for step, name in written:
        middle = (step + 0.5) * seconds / len(probabilities)
        heard.annotate(
            name,
            (middle, 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, 4),
            textcoords="offset points",
            ha="center",
            fontsize=11,
            fontweight="bold",
        )
        for axes, colour in ((heard, "white"), (symbols, RED)):
            axes.axvline(middle, color=colour, linewidth=1, linestyle=":")
    return save(figure, path)


def word_weights(
    sentences: Sequence[Sequence[str]],
    weights: Sequence[Sequence[float] | np.ndarray],
    titles: Sequence[str],
    path: PathLike | None = None,
) -> Figure:
    """Draws sentences whose words are shaded by how much each speaks for a class, or against it.

    Args:
        sentences: The words of each.
        weights: For each word a number, above 0 for the class (green) and below against it (red).
        titles: What stands before each.
        path: Where to save the figure.
    """
    first, gap = max(map(len, titles)) + 3.0, 1.5  # all widths in letters, which are of one width
    ends = [first + sum(len(word) + gap for word in words) for words in sentences]
    width = min(max(ends), 130.0)
    figure = Figure(figsize=((width + 2) * LETTER, 0.34 * len(sentences)))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.axis("off")
    axes.set_xlim(-1, width + 1)
    axes.set_ylim(-len(sentences) + 0.5, 0.5)
    most = max((abs(weight) for each in weights for weight in each), default=1.0) or 1.0
    for row, (words, each, title) in enumerate(zip(sentences, weights, titles, strict=True)):
        axes.text(0, -row, title, va="center", ha="left", fontsize=9, color=GREY)
        place = first
        for word, weight in zip(words, each, strict=True):
            if place + len(word) > width:
                axes.text(place, -row, "…", va="center", fontsize=9)
                break
            shade = AGAINST_FOR((1 + weight / most) / 2)
            box = {"boxstyle": "square,pad=0.25", "facecolor": shade, "edgecolor": "none"}
            axes.text(place, -row, word, va="center", fontsize=9, family="monospace", bbox=box)
            place += len(word) + gap
    return save(figure, path)


def sequence_logos(
    shares: Sequence[tuple[str, np.ndarray]],
    *,
    first: int = 1,
    importance: Sequence[np.ndarray] | None = None,
    path: PathLike | None = None,
) -> Figure:
    """Draws how much a place says: letters as high as the information that their shares carry.

    Args:
        shares: For each panel a title and the share of A, C, G and T at each place,
            `(places, 4)`.
        first: The number of the first place.
        importance: For each panel how much each place counts for a network, `(places,)`, drawn as
            a line.
        path: Where to save the figure.

    Source: Schneider and Stephens, "Sequence logos: a new way to display consensus sequences",
    Nucleic Acids Research 18(20), 1990; without their correction for small samples.
    """
    figure = Figure(figsize=(10, 2.4 * len(shares)), layout="constrained")
    grid = figure.subplots(len(shares), 1, sharex=True, squeeze=False)[:, 0]
    for number, (axes, (title, each)) in enumerate(zip(grid, shares, strict=True)):
        entropy = -np.sum(np.where(each > 0, each * np.log2(np.maximum(each, 1e-12)), 0), axis=1)
        heights = each * (2 - entropy)[:, None]
        for place, column in enumerate(heights, start=first):
            bottom = 0.0
            for letter in np.argsort(column):
                _draw_letter(axes, "ACGT"[letter], place, bottom, float(column[letter]))
                bottom += column[letter]
        if importance is not None:
            other = axes.twinx()
            places = np.arange(first, first + len(each))
            other.plot(places, importance[number], color=GREY, linewidth=1.5)
            other.set_ylabel("what the network\nloses without it", color=GREY)
            other.set_ylim(0, None)
            other.spines["top"].set_visible(False)
        axes.set_xlim(first - 0.6, first + len(each) - 0.4)
        axes.set_ylim(0, 2)
        axes.set_ylabel("bits")
        axes.set_title(title, loc="left", fontsize=10)
        plain(axes, grid="y")
    grid[-1].set_xlabel("place")
    grid[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    return save(figure, path)


def _draw_letter(axes: Axes, letter: str, place: int, bottom: float, height: float) -> None:
    """A letter as wide as a place and exactly so high."""
    if height < 0.01:
        return
    outline = TextPath((0, 0), letter, size=1, prop=FontProperties(weight="bold"))
    box = outline.get_extents()
    moved = (
        Affine2D()
        .translate(-box.x0, -box.y0)
        .scale(0.9 / box.width, height / box.height)
        .translate(place - 0.45, bottom)
    )
    axes.add_patch(
        PathPatch(outline, transform=moved + axes.transData, color=LETTER_COLOURS[letter], lw=0)
    )
