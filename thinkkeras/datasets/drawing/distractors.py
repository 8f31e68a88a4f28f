"""What is round, bright or in the way, and no balloon: people, flowers, lamps, balls, flags."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from thinkkeras.datasets.drawing.paint import Sheet, Size, colour, to_ink


class Patch(NamedTuple):
    """A window of the image, and what is drawn there."""

    top: int
    left: int
    alpha: np.ndarray  # opacity in 0-1, shape (rows, columns)
    pixels: np.ndarray  # shape (rows, columns, 3)


def distractor(rng: np.random.Generator, size: Size) -> Patch:
    """Something that is no balloon; a part may lie outside the image of this size."""
    side = min(size)
    kind = _KINDS[rng.integers(len(_KINDS))]
    largest = 0.8 if kind is _person else 0.35
    tall = int(side * 0.06 * (largest / 0.06) ** rng.random())
    sheet = Sheet((tall, tall))
    kind(rng, sheet, float(tall))
    pixels, alpha = sheet.pixels()
    shading = np.linspace(1.1, rng.uniform(0.5, 1), tall, dtype=np.float32)[:, None, None]
    top, left = (int(place) for place in rng.uniform(-0.3, 1, 2) * size)
    if kind is _person:
        top = int(size[0] - tall * rng.uniform(0.4, 1.1))
    return Patch(top, left, alpha, (pixels * shading).clip(0, 1))


def _person(rng: np.random.Generator, sheet: Sheet, tall: float) -> None:
    skin = colour(rng, (0.2, 0.6), (0.3, 0.95), (0.03, 0.09))
    shirt, trousers, hair = (colour(rng, (0, 0.9), (0.05, top)) for top in (0.95, 0.7, 0.5))
    middle, head, broad = tall / 2, tall * 0.09, tall * rng.uniform(0.1, 0.17)
    line, point, pen = max(2, int(tall * 0.09 * sheet.FINER / 1.5)), sheet.points, sheet.pen
    for foot in (-0.6, 0.6):
        corners = point((middle, tall * 0.55), (middle + foot * broad, tall * 0.98))
        pen.line(corners, fill=to_ink(trousers), width=line)
    for way in (-1, 1):
        hand = (middle + way * tall * rng.uniform(0.15, 0.35), tall * rng.uniform(0.05, 0.55))
        shoulder = (middle + way * broad * 0.8, tall * 0.26)
        pen.line(point(shoulder, hand), fill=to_ink(skin * 0.9), width=line * 2 // 3)
    torso = point((middle - broad, tall * 0.2), (middle + broad, tall * 0.6))
    pen.rounded_rectangle(torso, radius=broad, fill=to_ink(shirt))
    if rng.random() < 0.4:
        for stripe in np.arange(0.26, 0.56, 0.08) * tall:
            band = point((middle - broad * 0.95, stripe), (middle + broad * 0.95, stripe + 2))
            pen.rectangle(band, fill=to_ink(shirt * 0.5))
    _disc(sheet, middle, tall * 0.1, head * 1.1, to_ink(hair))
    _disc(sheet, middle, tall * 0.12, head * 0.9, to_ink(skin))
    for eye in (-0.35, 0.35):
        _disc(sheet, middle + eye * head, tall * 0.115, head * 0.12, to_ink(skin * 0.2))
    smile = point((middle - head * 0.4, tall * 0.12), (middle + head * 0.4, tall * 0.17))
    pen.arc(smile, 20, 160, fill=to_ink(skin * 0.4), width=sheet.FINER)


def _flower(rng: np.random.Generator, sheet: Sheet, tall: float) -> None:
    petals, middle = int(rng.integers(5, 12)), tall / 2
    stem = to_ink(colour(rng, (0.4, 0.8), (0.2, 0.6), (0.22, 0.38)))
    sheet.pen.line(sheet.points((middle, middle), (middle, tall)), fill=stem, width=sheet.FINER * 2)
    petal = colour(rng, (0.2, 1), (0.5, 1))
    for turn in np.arange(petals) * 2 * np.pi / petals:
        x, y = middle + 0.25 * tall * np.cos(turn), 0.4 * tall + 0.25 * tall * np.sin(turn)
        _disc(sheet, x, y, 0.13 * tall, to_ink(petal * rng.uniform(0.75, 1.05)))
    _disc(sheet, middle, 0.4 * tall, 0.13 * tall, to_ink(colour(rng, (0.5, 1), (0.3, 1))))


def _lamp(rng: np.random.Generator, sheet: Sheet, tall: float) -> None:
    glow = colour(rng, (0, 0.4), (0.95, 1), (0.08, 0.17))
    for fraction in np.linspace(1, 0.3, 10):
        _disc(
            sheet, tall / 2, tall / 2, tall / 2 * fraction, to_ink(glow, (1 - fraction) ** 2 + 0.02)
        )
    _disc(sheet, tall / 2, tall / 2, tall * 0.14, to_ink(np.ones(3)))


def _ball(rng: np.random.Generator, sheet: Sheet, tall: float) -> None:
    """A beach ball of many colours, or a football of dark patches."""
    whole = sheet.points((0.1 * tall, 0.1 * tall), (0.9 * tall, 0.9 * tall))
    if rng.random() < 0.5:
        sectors, turn = int(rng.integers(4, 9)), rng.uniform(0, 360)
        for sector in range(sectors):
            ink = to_ink(colour(rng, (0, 1), (0.6, 1)))
            start = turn + sector * 360 / sectors
            sheet.pen.pieslice(whole, start, start + 360 / sectors, fill=ink)
        _disc(sheet, tall / 2, tall / 2, tall * 0.07, to_ink(np.ones(3)))
        return
    sheet.pen.ellipse(whole, fill=to_ink(np.full(3, rng.uniform(0.75, 1))))
    for x, y in [(0.5, 0.5), (0.25, 0.35), (0.75, 0.35), (0.35, 0.78), (0.65, 0.78), (0.5, 0.17)]:
        patch = (*sheet.points((x * tall, y * tall))[0], 0.09 * tall * sheet.FINER)
        sheet.pen.regular_polygon(patch, 5, fill=to_ink(np.full(3, 0.1)))


def _flag(rng: np.random.Generator, sheet: Sheet, tall: float) -> None:
    shades = [to_ink(colour(rng, (0, 1), (0.3, 1))) for _ in range(3)]
    pole = sheet.points((0.08 * tall, 0), (0.08 * tall, tall))
    sheet.pen.line(pole, fill=to_ink(np.full(3, 0.4)), width=sheet.FINER)
    x = np.linspace(0.08, 0.95, 9)
    wave = 0.05 * np.sin(x * 7 + rng.uniform(0, 6))
    for stripe, ink in enumerate(shades):
        upper, lower = 0.08 + 0.15 * stripe + wave, 0.23 + 0.15 * stripe + wave
        edge = [*zip(x, upper, strict=True), *zip(x[::-1], lower[::-1], strict=True)]
        sheet.pen.polygon(sheet.points(*((a * tall, b * tall) for a, b in edge)), fill=ink)


def _box(rng: np.random.Generator, sheet: Sheet, tall: float) -> None:
    """A parcel with a ribbon, or a plain crate."""
    shade, deep = colour(rng, (0, 1), (0.3, 1)), rng.uniform(0.1, 0.3)
    front = [(0.05, deep), (0.95 - deep, deep), (0.95 - deep, 0.95), (0.05, 0.95)]
    lid = [(0.05, deep), (0.05 + deep, 0.02), (0.98, 0.02), (0.95 - deep, deep)]
    flank = [(0.95 - deep, deep), (0.98, 0.02), (0.98, 0.9 - deep), (0.95 - deep, 0.95)]
    for corners, fraction in ((front, 0.9), (lid, 1.1), (flank, 0.6)):
        outline = sheet.points(*((x * tall, y * tall) for x, y in corners))
        sheet.pen.polygon(outline, fill=to_ink(shade * fraction))
    if rng.random() < 0.6:
        x = (0.5 - deep / 2) * tall
        ribbon = sheet.points((x - 0.05 * tall, deep * tall), (x + 0.05 * tall, 0.95 * tall))
        sheet.pen.rectangle(ribbon, fill=to_ink(colour(rng, (0, 1), (0.5, 1))))


def _leaves(rng: np.random.Generator, sheet: Sheet, tall: float) -> None:
    base = colour(rng, (0.3, 0.9), (0.15, 0.6), (0.15, 0.42))
    for _ in range(60):
        x, y = tall / 2 + rng.normal(0, 0.17, 2) * tall
        ink = to_ink(base * rng.uniform(0.5, 1.4))
        _disc(sheet, x, y, tall * rng.uniform(0.02, 0.05), ink)


def _disc(sheet: Sheet, x: float, y: float, radius: float, ink: tuple[int, int, int, int]) -> None:
    sheet.pen.ellipse(sheet.points((x - radius, y - radius), (x + radius, y + radius)), fill=ink)


_KINDS: list[Callable[[np.random.Generator, Sheet, float], None]] = [
    _person,
    _person,
    _person,
    _flower,
    _lamp,
    _ball,
    _flag,
    _box,
    _leaves,
]
