"""Charts as SVG in a page's own colours: points with labels, and profiles over rows.

`STYLE` draws them in the colours that the page names `--c0` to `--c5`, `--muted` and `--line`, so
that a chart follows the page into the dark.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from math import floor, hypot, inf, log10
from typing import NamedTuple

from matplotlib.ticker import MaxNLocator

COLOURS = 6

STYLE = """\
svg text { font: 11px system-ui, sans-serif; fill: currentColor; }
svg g { fill: currentColor; }
svg g.hollow { fill: none; stroke: currentColor; stroke-width: 1.5; }
svg .muted { color: var(--muted); }
svg path.grid { stroke: var(--line); }
svg path.axis, svg path.leader { stroke: var(--muted); }
svg path.level { stroke: currentColor; stroke-dasharray: 4 3; opacity: .75; }
svg path.curve { stroke: currentColor; stroke-width: 1.5; fill: none; }
""" + "".join(f".c{colour} {{ color: var(--c{colour}); }}\n" for colour in range(COLOURS))

# Markers around the origin, about 9 units across.
MARKERS = (
    '<circle r="4.5"/>',
    '<rect x="-4" y="-4" width="8" height="8"/>',
    '<path d="M0-5.2 5 3.8H-5z"/>',
    '<path d="M0-5.6 5.6 0 0 5.6-5.6 0z"/>',
    '<path d="M0 5.2 5-3.8H-5z"/>',
    '<path d="M-1.6-5h3.2v3.4H5v3.2H1.6V5h-3.2V1.6H-5v-3.2h3.4z"/>',
    '<path d="M-5 0-2.5-4.4h5L5 0 2.5 4.4h-5z"/>',
    '<path d="M0-5.5 1.6-1.7 5.5-1.5 2.5 1 3.4 5 0 2.8-3.4 5-2.5 1-5.5-1.5-1.6-1.7z"/>',
)

# The canvas, its margins, a line of text and one of its letters.
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 360, 270, 44, 14, 30, 40
_LINE, _LETTER = 12.5, 6.1
_ROW, _NAMES = 18, 124

# Points nearer than this share one label, of so many lines.
_NEAR, _LINES = 8, 4

# A label from this far away is led to its point by a line; labels keep this far apart.
_LED, _GAP = 16, 3


class Axis(NamedTuple):
    """`label` with the unit; `log`: decades apart; `most`: where the axis ends at the latest."""

    label: str
    log: bool = False
    most: float | None = None


class Point(NamedTuple):
    """`colour` and `marker` are numbers, `label` stands beside it, `title` shows on touch."""

    x: float
    y: float
    colour: int
    marker: int
    label: str
    title: str


class Level(NamedTuple):
    """A horizontal line that points are held against."""

    y: float
    colour: int
    label: str


class Series(NamedTuple):
    """One value a row (None: no value), drawn as a line."""

    values: Sequence[float | None]
    colour: int
    marker: int
    label: str


class _Box(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float

    def hits(self, other: _Box) -> bool:
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )

    def holds(self, x: float, y: float) -> bool:
        return self.left <= x <= self.right and self.top <= y <= self.bottom

    def within(self, other: _Box) -> bool:
        return other.holds(self.left, self.top) and other.holds(self.right, self.bottom)


def marker(number: int, colour: int | None = None, x: float = 0, y: float = 0) -> str:
    """A marker at (`x`, `y`), every second set of them hollow; without a colour in the text's."""
    name = "" if colour is None else f"c{colour % COLOURS} "
    name += ("full", "hollow")[number // len(MARKERS) % 2]
    shape = MARKERS[number % len(MARKERS)]
    return f'<g class="{name}" transform="translate({x:.1f} {y:.1f})">{shape}</g>'


def scatter(points: Sequence[Point], levels: Sequence[Level], x: Axis, y: Axis) -> str:
    """The points on two axes with the levels behind them; labels that find no room are left out."""
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    across, columns = _scale([point.x for point in points], x, _LEFT, right)
    heights = [point.y for point in points] + [level.y for level in levels]
    up, rows = _scale(heights, y, bottom, _TOP)
    parts = [f'<text class="muted" x="4" y="14">{escape(y.label)}</text>']
    for value, text in rows:
        parts.append(_line("grid", _LEFT, up(value), right, up(value)))
        parts.append(_text(text, _LEFT - 6, up(value) + 4, "muted", "end"))
    for value, text in columns:
        parts.append(_line("grid", across(value), _TOP, across(value), bottom))
        parts.append(_text(text, across(value), bottom + 15, "muted", "middle"))
    parts.append(_line("axis", _LEFT, bottom, right, bottom))
    parts.append(_text(x.label, (_LEFT + right) / 2, _HEIGHT - 6, "muted", "middle"))
    spots = [(across(point.x), up(point.y)) for point in points]
    taken = [_Box(h - 6, v - 6, h + 6, v + 6) for h, v in spots]
    for level in levels:
        height = up(level.y)
        parts.append(_line(f"level c{level.colour % COLOURS}", _LEFT, height, right, height))
        parts += _beside_line(level, height, taken)
    taken += [
        _Box(_LEFT, up(each) - 1, right, up(each) + 1) for each in {level.y for level in levels}
    ]
    for point, (h, v) in zip(points, spots, strict=True):
        shape = marker(point.marker, point.colour, h, v)
        parts.append(f"<g><title>{escape(point.title)}</title>{shape}</g>")
    for group in sorted(_groups(spots), key=lambda group: spots[group[0]]):
        parts += _beside_point([points[k] for k in group], spots[group[0]], taken)
    return _svg(_HEIGHT, parts, f"{y.label} against {x.label}")


def profile(rows: Sequence[tuple[str, str]], series: Sequence[Series], axis: Axis) -> str:
    """One line a series from the first row at the top to the last.

    Args:
        rows: the name and the title of each.
        series: one value a row each.
        axis: of the values, from left to right; what exceeds its `most` stands at its end.
    """
    right, top = _WIDTH - _RIGHT, 46
    bottom = top + _ROW * len(rows)
    most = axis.most or inf
    values = [min(value, most) for each in series for value in each.values if value is not None]
    across, columns = _scale(values, axis, _NAMES + 8, right)
    parts = [_text(axis.label, right, 14, "muted", "end")]
    for value, text in columns:
        parts.append(_line("grid", across(value), top - 6, across(value), bottom))
        parts.append(_text(text, across(value), top - 12, "muted", "middle"))
    for k, (name, title) in enumerate(rows):
        text = _text(_short(name), _NAMES, top + _ROW * (k + 0.5) + 4, "", "end")
        parts.append(f"<g><title>{escape(title)}</title>{text}</g>")
    for each in series:
        spots = [
            None if real is None else (across(min(real, most)), top + _ROW * (k + 0.5))
            for k, real in enumerate(each.values)
        ]
        path = "".join(
            f"{'L' if before else 'M'}{spot[0]:.1f} {spot[1]:.1f}"
            for before, spot in zip([None, *spots], spots, strict=False)
            if spot
        )
        parts.append(f'<path class="curve c{each.colour % COLOURS}" d="{path}"/>')
        for spot, real, (name, _) in zip(spots, each.values, rows, strict=True):
            if spot:
                title = escape(f"{each.label}, {name}: {real:.1f}")
                shape = marker(each.marker, each.colour, *spot)
                parts.append(f"<g><title>{title}</title>{shape}</g>")
    return _svg(bottom + 6, parts, f"{axis.label}, row by row")


def _svg(height: float, parts: Sequence[str], label: str) -> str:
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height:g}" role="img" aria-label="{escape(label)}">'
        + "".join(parts)
        + "</svg>"
    )


def _line(name: str, x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<path class="{name}" d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}"/>'


def _text(text: str, x: float, y: float, name: str, anchor: str) -> str:
    return (
        f'<text class="{name}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
    )


def _short(name: str) -> str:
    most = int((_NAMES - 4) / _LETTER)
    half = (most - 1) // 2
    return name if len(name) <= most else f"{name[:half]}…{name[-half:]}"


def _scale(
    values: Sequence[float], axis: Axis, start: float, end: float
) -> tuple[Callable[[float], float], list[tuple[float, str]]]:
    """Where a value lies between the pixels `start` and `end`, and the ticks with their texts."""
    low, high = min(values), max(values)
    if axis.log:
        spare = max(0.06 * log10(high / low), 0.04)
        low, high = low / 10**spare, high * 10**spare
    else:
        spare = max(0.08 * (high - low), 0.02 * abs(high), 1e-9)
        low, high = low - spare, high + spare
    if axis.most is not None:
        high = min(high, axis.most)

    def place(value: float) -> float:
        fraction = (
            log10(value / low) / log10(high / low) if axis.log else (value - low) / (high - low)
        )
        return start + fraction * (end - start)

    ticks = list(map(float, MaxNLocator(5, steps=[1, 2, 5, 10]).tick_values(low, high)))
    if axis.log and high / low > 6:
        decades = range(floor(log10(low)), floor(log10(high)) + 1)
        steps = (1, 2, 5) if high / low < 60 else (1,) if high / low > 4000 else (1, 3)
        ticks = [step * 10.0**decade for decade in decades for step in steps]
    return place, [(tick, _number(tick)) for tick in ticks if low <= tick <= high]


def _number(value: float) -> str:
    for least, size, letter in ((1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k")):
        if abs(value) >= least:
            return f"{value / size:g} {letter}"
    return f"{round(value, 9):g}"


def _groups(spots: Sequence[tuple[float, float]]) -> list[list[int]]:
    """The indices of points that lie on one another."""
    groups: list[list[int]] = []
    for k, (h, v) in enumerate(spots):
        for group in groups:
            first = spots[group[0]]
            if hypot(h - first[0], v - first[1]) < _NEAR:
                group.append(k)
                break
        else:
            groups.append([k])
    return groups


def _beside_line(level: Level, height: float, taken: list[_Box]) -> list[str]:
    width = _LETTER * len(level.label)
    end = _WIDTH - _RIGHT - width
    for left in (end, _LEFT + 3, (_LEFT + end) / 2):
        for baseline in (height - 4, height + 12):
            box = _Box(left, baseline - 10, left + width, baseline + 2)
            if not any(box.hits(other) for other in taken):
                taken.append(box)
                name = f"c{level.colour % COLOURS}"
                return [_text(level.label, left, baseline, name, "start")]
    return []


def _beside_point(
    points: Sequence[Point], spot: tuple[float, float], taken: list[_Box]
) -> list[str]:
    labels = [(point.label, point.colour) for point in points]
    if len(labels) > _LINES:
        rest = len(labels) - _LINES + 1
        labels = [*labels[: _LINES - 1], (f"and {rest} more", labels[-1][1])]
    width, height = _LETTER * max(len(text) for text, _ in labels), _LINE * len(labels)
    h, v = spot
    frame = _Box(_LEFT, 16, _WIDTH - 1, _HEIGHT - _BOTTOM)
    centre = min(max(h - width / 2, frame.left + _GAP), frame.right - width - _GAP)
    for away in (9, 16, 26, 38, 52, 66):
        for left, top, anchor in (
            (h + away, v - height / 2, "start"),
            (h - away - width, v - height / 2, "end"),
            (centre, v - away - height, "middle"),
            (centre, v + away, "middle"),
            (h + away, v - away - height, "start"),
            (h + away, v + away, "start"),
            (h - away - width, v - away - height, "end"),
            (h - away - width, v + away, "end"),
        ):
            box = _Box(left - _GAP, top, left + width + _GAP, top + height)
            edge = min(max(h, left), left + width), min(max(v, top), top + height)
            leader = _Box(min(h, edge[0]), min(v, edge[1]), max(h, edge[0]), max(v, edge[1]))
            clear = not any(box.hits(other) for other in taken)
            if away >= _LED:
                clear &= not any(leader.hits(o) and not o.holds(h, v) for o in taken)
            if box.within(frame) and clear:
                taken += [box, leader]
                x = {"start": left, "middle": left + width / 2, "end": left + width}[anchor]
                texts = [
                    _text(text, x, top + _LINE * (k + 0.8), f"c{colour % COLOURS}", anchor)
                    for k, (text, colour) in enumerate(labels)
                ]
                return [_line("leader", h, v, *edge), *texts] if away >= _LED else texts
    return []
