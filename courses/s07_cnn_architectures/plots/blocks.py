"""Blocks in pictures, drawn from the models they make: what stands in a box is what is computed."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from thinkkeras.inspection import Call, calls, multiply_accumulates
from thinkkeras.plots import PathLike, save

COLOURS = {
    "convolution": "#a9c8e8",
    "pointwise": "#d7e6f5",
    "depthwise": "#f6c28b",
    "pooling": "#c7e3c1",
    "merge": "#f2a6a6",
    "other": "#e8e8e8",
}
# In inches, so that text fits its box on a sheet of any size.
WIDTH, HEIGHT, STEP, COLUMN, ARC = 1.2, 0.44, 0.66, 1.32, 0.18

ARROW: dict[str, Any] = {
    "arrowstyle": "-|>",
    "mutation_scale": 9,
    "color": "0.3",
    "lw": 1.1,
    "shrinkA": 0,
    "shrinkB": 0,
}


class Box(NamedTuple):
    """An operation of a picture, with what follows it alone: normalization, activation."""

    label: str
    followed_by: tuple[str, ...]
    kind: str
    inputs: tuple[int, ...]  # boxes that it takes from; -1 is the block's input

    @property
    def text(self) -> str:
        after = " · ".join(self.followed_by)
        between = " · " if self.kind in ("merge", "other") else "\n"
        return self.label + between + after if after else self.label


def boxes(model: keras.Model) -> list[Box]:
    """What a block consists of, normalization and activation joined to what they follow.

    Args:
        model: the block, as a functional model with one input.

    Returns:
        The boxes in the order of computation.
    """
    called = calls(model)
    takers: dict[int, int] = {}
    for call in called:
        for tensor in call.inputs:
            takers[id(tensor)] = takers.get(id(tensor), 0) + 1
    found: list[Box] = []
    box_of: dict[int, int] = {}
    for call in called:
        label, *after, kind = _label(call)
        inputs = tuple(box_of.get(id(tensor), -1) for tensor in call.inputs)
        if not label:  # what changes nothing, or only the shape
            box = inputs[0]
        elif kind == "other" and inputs[0] >= 0 and takers[id(call.inputs[0])] == 1:
            box = inputs[0]
            above = found[box]
            found[box] = above._replace(followed_by=(*above.followed_by, label))
        else:
            box = len(found)
            found.append(Box(label, tuple(after), kind, inputs))
        box_of[id(call.outputs[0])] = box
    return found


def _label(call: Call) -> tuple[str, ...]:
    """The text of a call, its activation's if it has one, and its kind of box; no text for what
    isn't worth a box."""
    layer, channels = call.operation, call.outputs[0].shape[-1]
    kind = type(layer).__name__
    stride = getattr(layer, "strides", (1, 1))[0]
    step = f" /{stride}" if stride > 1 else ""
    if kind in ("Conv2D", "DepthwiseConv2D"):
        size = "×".join(map(str, layer.kernel_size))
        after = [name for name in [_activation(layer.activation.__name__)] if name]
        if kind == "DepthwiseConv2D":
            return f"{size} depthwise{step}", *after, "depthwise"
        full = "pointwise" if size == "1×1" else "convolution"
        return f"{size} conv, {channels}{step}", *after, full
    if kind in ("MaxPooling2D", "AveragePooling2D"):
        size = "×".join(map(str, layer.pool_size))
        return f"{size} {kind[:3].lower()} pool{step}", "pooling"
    if kind == "GlobalAveragePooling2D":
        return "global average", "pooling"
    if kind in ("Add", "Concatenate", "Multiply"):
        label = {"Add": "+", "Multiply": "×", "Concatenate": f"concat, {channels}"}[kind]
        return label, "merge"
    if kind == "Dense":
        return f"dense, {channels}", "pointwise"
    if kind == "BatchNormalization":
        return "BN", "other"
    if kind == "Activation":
        return _activation(layer.activation.__name__), "other"
    if kind == "ReLU":
        return ("ReLU" if layer.max_value is None else f"ReLU{layer.max_value:g}"), "other"
    if kind in ("Dropout", "Reshape", "InputLayer", "ZeroPadding2D", "Flatten"):
        return "", "other"
    return kind, "other"


def _activation(name: str) -> str:
    short = {"relu": "ReLU", "relu6": "ReLU6", "hard_silu": "h-swish", "hard_sigmoid": "h-sigmoid"}
    return "" if name == "linear" else short.get(name, name)


class Placed(NamedTuple):
    """A block's boxes with their places, in inches: column's middle, and down from the input."""

    boxes: list[Box]
    at: list[tuple[float, float]]
    arcs: list[tuple[int, int]]  # ways around other boxes: from, to
    left: float
    right: float
    bottom: float


def placed(found: list[Box]) -> Placed:
    """Lays the boxes out: a row further down than what they take from, branches side by side."""
    rows: list[int] = []
    takers = [0] * (len(found) + 1)  # the last is the block's input, -1
    for box in found:
        rows.append(1 + max(rows[n] if n >= 0 else 0 for n in box.inputs))
        for n in box.inputs:
            takers[n] += 1
    # Straight from a fork to where branches meet again: around what lies between.
    arcs = [
        (n, index)
        for index, box in enumerate(found)
        for n in box.inputs
        if len(box.inputs) > 1 and takers[n] > 1 and rows[index] - (rows[n] if n >= 0 else 0) > 1
    ]
    ways_to = [[n for n in box.inputs if (n, index) not in arcs] for index, box in enumerate(found)]
    # Branches stand in the order in which they meet.
    order = {}
    for ways in ways_to:
        for position, n in enumerate(ways if len(ways) > 1 else []):
            while n >= 0 and n not in order and len(ways_to[n]) == 1:
                order[n], n = position, ways_to[n][0]
    branches: dict[int, list[int]] = {}
    for index in sorted(range(len(found)), key=lambda n: order.get(n, 0)):
        if len(ways_to[index]) == 1:
            branches.setdefault(ways_to[index][0], []).append(index)
    columns: list[float] = []
    for index, ways in enumerate(ways_to):
        column = sum(columns[n] if n >= 0 else 0.0 for n in ways) / len(ways)
        beside = branches.get(ways[0], []) if len(ways) == 1 else []
        if beside:
            column += beside.index(index) - (len(beside) - 1) / 2
        columns.append(column)
    longest = max((rows[b] - (rows[a] if a >= 0 else 0) for a, b in arcs), default=0)
    return Placed(
        found,
        [(column * COLUMN, row * STEP) for column, row in zip(columns, rows, strict=True)],
        arcs,
        min(columns) * COLUMN - WIDTH / 2,
        max(columns) * COLUMN + WIDTH / 2 + (ARC * (1 + longest / 3) if arcs else 0),
        max(rows) * STEP + HEIGHT / 2,
    )


def block_sheet(
    rows: Sequence[Sequence[tuple[str, keras.Model]]], path: PathLike | None = None
) -> Figure:
    """Draws blocks side by side, beneath each its parameters and multiply-accumulates.

    Args:
        rows: on each line of the sheet the blocks: title, and the block as a functional model.
        path: where to save the figure.
    """
    gap, above, below = 0.45, 0.75, 0.75
    drawn = [[(title, model, placed(boxes(model))) for title, model in row] for row in rows]
    widths = [sum(p.right - p.left for _, _, p in row) + gap * (len(row) + 1) for row in drawn]
    heights = [max(p.bottom for _, _, p in row) + above + below for row in drawn]
    figure = Figure(figsize=(max(widths), sum(heights)))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, max(widths))
    axes.set_ylim(sum(heights), 0)
    axes.axis("off")
    top = 0.0
    for row, width, height in zip(drawn, widths, heights, strict=True):
        spare = (max(widths) - width) / (len(row) + 1)
        x = gap + spare
        for title, model, place in row:
            _draw(axes, title, model, place, x - place.left, top + above)
            x += place.right - place.left + gap + spare
        top += height
    return save(figure, path)


def _draw(axes: Axes, title: str, model: keras.Model, place: Placed, x: float, y: float) -> None:
    shape = " × ".join(map(str, model.inputs[0].shape[1:]))
    axes.text(x, y - 0.42, title, ha="center", va="center", fontsize=12, weight="bold")
    axes.text(x, y - 0.05, shape, ha="center", va="bottom", fontsize=9, color="0.35")

    def end(index: int, side: int) -> tuple[float, float]:
        if index < 0:
            return x, y
        column, row = place.at[index]
        return x + column, y + row + side * HEIGHT / 2

    for index, box in enumerate(place.boxes):
        for n in box.inputs:
            if (n, index) in place.arcs:
                _draw_arc(axes, end(n, 1), place.at[index], (x, y))
                continue
            start, goal = end(n, 1), end(index, -1)
            if len(box.inputs) > 1:  # down first, past the boxes beside it
                below = max(start[1], goal[1] - STEP + HEIGHT)
                axes.plot([start[0], start[0]], [start[1], below], color="0.3", lw=1.1)
                start = start[0], below
            axes.add_patch(FancyArrowPatch(start, goal, **ARROW))
        column, row = end(index, -1)
        colour = COLOURS[box.kind]
        axes.add_patch(
            FancyBboxPatch(
                (column - WIDTH / 2 + 0.05, row + 0.05),
                WIDTH - 0.1,
                HEIGHT - 0.1,
                boxstyle="round,pad=0.05",
                fc=colour,
                ec="0.3",
                lw=0.8,
                zorder=2,
            )
        )
        middle = row + HEIGHT / 2
        axes.text(column, middle, box.text, ha="center", va="center", fontsize=8.5, zorder=3)
    work = multiply_accumulates(model) / 1e6
    costs = f"{model.count_params():,} parameters\n{work:.2f} M MACs"
    axes.text(x, y + place.bottom + 0.12, costs, ha="center", va="top", fontsize=10)


def _draw_arc(
    axes: Axes,
    start: tuple[float, float],
    goal: tuple[float, float],
    origin: tuple[float, float],
) -> None:
    """A way around: out of the line below the fork, down at the right, into the box's side."""
    column, row = origin[0] + goal[0], origin[1] + goal[1]
    out = start[1] + (STEP - HEIGHT) * 0.35 if start != origin else start[1] + 0.1
    # A longer way lies further out, so that one within another stays apart from it.
    side = column + WIDTH / 2 + ARC * (row - start[1]) / STEP / 3
    axes.plot([start[0], side, side], [out, out, row], color="0.3", lw=1.1, zorder=1)
    axes.add_patch(FancyArrowPatch((side, row), (column + WIDTH / 2, row), **ARROW))
