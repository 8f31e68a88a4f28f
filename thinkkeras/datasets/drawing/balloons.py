"""Balloons: where they hang, their outline, the light on them, their strings."""

from typing import NamedTuple

import numpy as np

from thinkkeras.datasets.drawing.paint import Sheet, Size, blend, colour, mixed, to_ink


class Balloon(NamedTuple):
    """A balloon's place and shape, in pixels and radians."""

    x: float  # of its centre
    y: float
    radius: float  # half its height
    slender: float  # width over height
    taper: float  # how much it narrows towards the knot, 0 for an ellipse
    tilt: float  # 0 with the knot straight down


def arrange(rng: np.random.Generator, size: Size, most: int) -> list[Balloon]:
    """Between 0 and `most` balloons, the far ones first: scattered, in a bunch, or one alone."""
    kind = rng.choice(["none", "alone", "scattered", "bunch"], p=[0.06, 0.2, 0.4, 0.34])
    count = {"none": 0, "alone": 1}.get(kind, int(rng.integers(2, most + 1)) if most > 1 else most)
    side, slender = min(size), rng.uniform(0.74, 1)
    smallest, largest = 4.0, 0.48 * side
    if kind == "bunch":
        radius = _between(rng, 1.5 * smallest, 0.22 * side)
        middle = rng.uniform(0.2, 0.8, 2) * size[::-1]
        spread = radius * np.sqrt(count) * rng.uniform(0.45, 0.9)
        places = middle + rng.normal(0, 0.6, (count, 2)) * spread
        radii = radius * rng.uniform(0.8, 1.15, count)
    else:
        largest = largest if kind == "alone" else 0.25 * side
        places = rng.uniform(0.02, 0.98, (count, 2)) * size[::-1]
        radii = np.array([_between(rng, smallest, largest) for _ in range(count)])
        radii = np.sort(radii)
    tilts = np.where(rng.random(count) < 0.12, rng.uniform(-3, 3, count), rng.normal(0, 0.2, count))
    tapers = rng.uniform(0, 0.4, count)
    return [
        Balloon(x, y, radius, min(1, slender * rng.uniform(0.94, 1.06)), taper, tilt)
        for (x, y), radius, taper, tilt in zip(places, radii, tapers, tilts, strict=True)
    ]


def _between(rng: np.random.Generator, low: float, high: float) -> float:
    """Every doubling between `low` and `high` is equally likely."""
    return float(low * (high / low) ** rng.random())


class Outline(NamedTuple):
    """A balloon's pixels: a window of the image, and what lies where in it."""

    balloon: Balloon
    top: int
    left: int
    alpha: np.ndarray  # coverage in 0-1, shape (rows, columns)
    across: np.ndarray  # -1 to 1 from its left to its right, in the balloon's own upright frame
    down: np.ndarray  # -1 to 1 from its crown to its knot
    rim: np.ndarray  # 0 in its middle, 1 at its edge


def outline(balloon: Balloon) -> Outline:
    """The balloon's window: an ellipse that tapers, and a knot that flares."""
    reach = int(np.ceil(1.25 * balloon.radius)) + 1
    top, left = int(balloon.y) - reach, int(balloon.x) - reach
    y, x = np.mgrid[: 2 * reach, : 2 * reach].astype(np.float32)
    y += top + 0.5 - balloon.y
    x += left + 0.5 - balloon.x
    cosine, sine = np.cos(balloon.tilt), np.sin(balloon.tilt)
    down = (y * cosine + x * sine) / balloon.radius
    across = (x * cosine - y * sine) / balloon.radius
    narrow = balloon.slender * (1 - balloon.taper * down.clip(0, 1) ** 1.6)
    rim = np.hypot(across / narrow, down)
    alpha = ((1 - rim) * balloon.radius * balloon.slender + 0.5).clip(0, 1)
    flare = 0.03 + 0.55 * (down - 0.99)
    knot = ((flare - np.abs(across)) * balloon.radius + 0.5).clip(0, 1)
    alpha = np.maximum(alpha, knot * ((down > 0.97) & (down < 1.1)))
    return Outline(balloon, top, left, alpha, across / narrow, down, rim.clip(0, 1))


def paint(rng: np.random.Generator, canvas: np.ndarray, shape: Outline, light: float) -> None:
    """Paints the rubber: its colour, print, shadow, rim and highlights, more or less opaque.

    Args:
        canvas: The image, painted in place.
        shape: The balloon's pixels.
        light: The side the light comes from, -1 (left) to 1 (right).
    """
    base = colour(rng, (0.55, 1), (0.45, 1))
    if rng.random() < 0.2:  # white, grey, pastel, black
        base = colour(rng, (0, 0.3), (0.05, 1))
    facing = np.sqrt(1 - shape.rim**2)
    lit = 0.45 * light * shape.across - 0.55 * shape.down + 0.7 * facing
    dark = rng.uniform(0.35, 0.85)
    skin = base * (dark + (1.1 - dark) * lit.clip(0, 1))[..., None]
    if rng.random() < 0.25:
        skin = mixed(skin, colour(rng, (0, 0.8), (0.2, 1)), _print(rng, shape))
    # Light shines through where the rubber is thin, and the rim shows more of it.
    skin += base * (rng.uniform(0, 0.35) * shape.down.clip(0, 1) * facing)[..., None]
    for _ in range(rng.integers(1, 4)):
        skin = mixed(skin, np.ones(3, np.float32), _highlight(rng, shape, light))
    see_through = rng.uniform(0.05, 0.45) if rng.random() < 0.3 else 0
    blend(canvas, skin.clip(0, 1), shape.alpha * (1 - see_through * facing), shape.top, shape.left)


def _highlight(rng: np.random.Generator, shape: Outline, light: float) -> np.ndarray:
    x, y = 0.5 * light + rng.normal(0, 0.15), -0.45 + rng.normal(0, 0.2)
    broad, tall = rng.uniform(0.05, 0.3), rng.uniform(0.05, 0.3)
    far = ((shape.across - x) / broad) ** 2 + ((shape.down - y) / tall) ** 2
    return rng.uniform(0.2, 0.9) * np.exp(-far)


def _print(rng: np.random.Generator, shape: Outline) -> np.ndarray:
    """Dots, gores or a band on the rubber, as a fraction of the print's colour."""
    # Where on the sphere a pixel lies: a print shrinks towards the rim.
    longitude = np.arcsin(shape.across.clip(-1, 1) * 0.99)
    latitude = np.arcsin(shape.down.clip(-1, 1) * 0.99)
    turn, fine = rng.uniform(0, 3), rng.uniform(3, 9)
    kind = rng.integers(3)
    if kind == 0:
        ink = np.sin(fine * longitude + turn) * np.sin(fine * latitude + turn) - 0.4
    elif kind == 1:
        ink = np.sin(fine * longitude + turn)
    else:
        ink = 0.3 - np.hypot(longitude - 0.2 * turn, latitude) * np.sin(fine * longitude)
    return (ink * 6).clip(0, 0.9) * (shape.rim < 1)


def strings(
    rng: np.random.Generator, canvas: np.ndarray, balloons: list[Balloon], bunch: bool
) -> None:
    """Draws strings from the knots, hanging free or, in a bunch, towards one hand."""
    (height, width), sheet = canvas.shape[:2], Sheet(canvas.shape[:2])
    hand = np.array([rng.uniform(0.2, 0.8) * width, rng.uniform(0.7, 1.2) * height])
    ink = to_ink(colour(rng, (0, 0.3), (0.1, 1)), rng.uniform(0.5, 1))
    for balloon in balloons:
        direction = np.array([np.sin(balloon.tilt), np.cos(balloon.tilt)])
        start = np.array([balloon.x, balloon.y]) + direction * balloon.radius * 1.05
        end = hand if bunch else start + rng.normal((0, 2.5), (0.6, 1)) * balloon.radius
        bend = (start + end) / 2 + rng.normal(0, 0.25, 2) * balloon.radius
        along = np.linspace(0, 1, 12)[:, None]
        curve = (1 - along) ** 2 * start + 2 * along * (1 - along) * bend + along**2 * end
        thick = max(1, round(balloon.radius * sheet.FINER / 40))
        sheet.pen.line(sheet.points(*map(tuple, curve)), fill=ink, width=thick)
    blend(canvas, *sheet.pixels(), top=0, left=0)
