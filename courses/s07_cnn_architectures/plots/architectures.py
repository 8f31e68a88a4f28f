"""Networks side by side: when they came, and what accuracy costs."""

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter
from matplotlib.transforms import Bbox

from courses.s07_cnn_architectures.experiments.architectures import (
    Published,
    Result,
    pareto_front,
)
from thinkkeras.plots import BLUE, GREY, PathLike, plain, save

# What accuracy is drawn against: the field of a `Result`, the axis's name, units a tick.
COSTS = [
    ("macs", "multiply-accumulates, million", 1e6),
    ("size_bytes", "int8 file, kB", 1e3),
    ("latency_ms", "int8 latency on one thread, ms", 1),
    ("cycles", "Ethos-U55-128, thousand cycles", 1e3),
    ("arena_bytes", "arena of LiteRT Micro, kB", 1e3),
]


def timeline(networks: Sequence[Published], path: PathLike | None = None) -> Figure:
    """Draws when networks came, how well they see, and how many weights they need.

    Args:
        networks: as published.
        path: where to save the figure.
    """
    figure = Figure(figsize=(10, 5.4), layout="constrained")
    axes = figure.add_subplot()
    # Those of one year stand side by side.
    years = [one.year for one in networks]
    xs = [
        one.year + 0.45 * (years[:index].count(one.year) - (years.count(one.year) - 1) / 2)
        for index, one in enumerate(networks)
    ]
    tops = [one.top1 for one in networks]
    areas = [14 * one.parameters for one in networks]
    axes.scatter(xs, tops, s=areas, color=BLUE, alpha=0.35, edgecolor=BLUE)
    axes.scatter(xs, tops, s=12, color=BLUE)
    plain(axes, "y")
    axes.set_xlim(min(xs) - 0.9, max(xs) + 0.9)
    axes.set_ylim(min(tops) - 5, max(tops) + 7)
    axes.set_xticks(range(min(years), max(years) + 1))
    axes.set_ylabel("ImageNet, top-1 accuracy of one network, %")
    axes.set_title(
        "area: parameters, beside each name in million", loc="right", fontsize=10, color="0.35"
    )
    names = [f"{one.name}, {one.parameters:g}" for one in networks]
    label_points(axes, xs, tops, names, radii=[np.sqrt(area / np.pi) for area in areas])
    return save(figure, path)


def accuracy_against_costs(results: Sequence[Result], path: PathLike | None = None) -> Figure:
    """Draws accuracy after equal training against five costs, the front of each in bold.

    Args:
        results: of each network; one that lacks a cost is missing from that panel.
        path: where to save the figure.
    """
    colours = {one.name: colormaps["tab20"](index % 20) for index, one in enumerate(results)}
    figure = Figure(figsize=(15, 9.5), layout="constrained")
    panels = figure.subplots(2, 3, sharey=True).flat
    for axes, (field, label, unit) in zip(panels, COSTS, strict=False):
        shown = [one for one in results if getattr(one, field) is not None]
        costs = [getattr(one, field) / unit for one in shown]
        accuracies = [100 * one.accuracy for one in shown]
        front = pareto_front(costs, accuracies)
        axes.plot(
            [costs[n] for n in front], [accuracies[n] for n in front], color=GREY, lw=1.5, zorder=1
        )
        for n, one in enumerate(shown):
            size = 75 if n in front else 40
            axes.scatter(costs[n], accuracies[n], s=size, color=colours[one.name], zorder=2)
        axes.set_xscale("log")
        axes.margins(0.16, 0.1)
        axes.set_xlabel(label)
        plain(axes)
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
    legend = figure.axes[-1]
    legend.axis("off")
    ranked = sorted(results, key=lambda one: -one.accuracy)
    handles: list[Line2D] = [
        Line2D([], [], ls="", marker="o", color=colours[one.name], label=_legend_line(one))
        for one in ranked
    ]
    handles.append(Line2D([], [], color=GREY, label="none is better for less"))
    legend.legend(handles=handles, loc="center left", frameon=False, fontsize=11)
    for row in (figure.axes[0], figure.axes[3]):
        row.set_ylabel("test accuracy after equal training, %")
    for axes, (field, _, unit) in zip(figure.axes, COSTS, strict=False):
        shown = [one for one in results if getattr(one, field) is not None]
        label_points(
            axes,
            [getattr(one, field) / unit for one in shown],
            [100 * one.accuracy for one in shown],
            [one.name for one in shown],
        )
    return save(figure, path)


def _legend_line(one: Result) -> str:
    return f"{one.name}: {one.accuracy:.1%}, {one.parameters / 1000:,.0f} k parameters"


def label_points(
    axes: Axes,
    xs: Sequence[float],
    ys: Sequence[float],
    names: Sequence[str],
    *,
    radii: Sequence[float] | None = None,
) -> None:
    """Writes a name beside each point where it covers no other name and no other point.

    Args:
        axes: whose points, limits and size are settled.
        xs: of the points.
        ys: of the points.
        names: of the points.
        radii: of the points' markers, in typographic points; 4 by default.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None
    FigureCanvasAgg(figure).draw()  # settles the layout
    scale = figure.dpi / 72
    radii = [4.0] * len(xs) if radii is None else radii
    centres = axes.transData.transform(np.column_stack([xs, ys]))
    taken = [
        _box(centre, np.full(2, 2.2 * radius * scale))
        for centre, radius in zip(centres, radii, strict=True)
    ]
    frame = axes.get_window_extent()
    for index in np.argsort(-centres[:, 1]):
        text = axes.annotate(
            names[index],
            (xs[index], ys[index]),
            xytext=(0, 0),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=9,
        )
        extent = text.get_window_extent()
        size = np.array([extent.width, extent.height])
        others = taken[:index] + taken[index + 1 :]
        least = np.inf
        for distance in (3.0, 10.0, 18.0, 28.0, 40.0):
            for angle in np.radians(range(0, 360, 30)):
                way = np.round([np.cos(angle), np.sin(angle)], 3)
                # A long name stands beside its point rather than across it.
                shift = way * (radii[index] + distance) * scale + np.sign(way) * size / 2
                box = _box(centres[index] + shift, size)
                outside = not (
                    frame.contains(*box.get_points()[0]) and frame.contains(*box.get_points()[1])
                )
                cost = sum(_shared(box, other) for other in others) + distance + 1e6 * outside
                if cost < least:
                    least, best = cost, (shift / scale, box)
        shift, box = best
        text.set_position(tuple(shift))
        taken.append(box)


def _box(centre: np.ndarray, size: np.ndarray) -> Bbox:
    return Bbox.from_extents(*(centre - size / 2), *(centre + size / 2))


def _shared(one: Bbox, other: Bbox) -> float:
    both = Bbox.intersection(one, other)
    return 0.0 if both is None else 5 + both.width * both.height
