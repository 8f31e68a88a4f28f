"""What stands behind the balloons: skies, lawns, streets, walls, rooms, foliage, photographs."""

from collections.abc import Callable
from functools import cache

import numpy as np
from PIL import Image

from thinkkeras.datasets.drawing.paint import (
    Sheet,
    Size,
    blend,
    blur,
    colour,
    fractal,
    mixed,
    noise,
    to_ink,
)


def background(rng: np.random.Generator, size: Size) -> np.ndarray:
    """A random background, float32 of shape `(height, width, 3)` in 0-1."""
    kinds, probabilities = zip(*_KINDS.items(), strict=True)
    image = kinds[rng.choice(len(kinds), p=probabilities)](rng, size)
    if rng.random() < 0.5:
        _clutter(rng, image)
    if rng.random() < 0.35:
        image = blur(image, rng.uniform(0.01, 0.03) * size[1])
    return image


def _gradient(size: Size, above: np.ndarray, below: np.ndarray) -> np.ndarray:
    fraction = np.linspace(0, 1, size[0], dtype=np.float32)[:, None].repeat(size[1], 1)
    return mixed(above, below, fraction)


def _sky(rng: np.random.Generator, size: Size) -> np.ndarray:
    above = colour(rng, (0.3, 0.9), (0.35, 0.9), (0.54, 0.64))
    below = above + (1 - above) * rng.uniform(0, 0.8)
    if rng.random() < 0.15:  # towards evening
        below = colour(rng, (0.2, 0.7), (0.7, 1), (0.02, 0.13))
    elif rng.random() < 0.15:  # overcast
        above, below = (colour(rng, (0, 0.08), (0.6, 0.98)) for _ in range(2))
    sky = _gradient(size, above, below)
    if rng.random() < 0.6:
        clouds = fractal(rng, size, (2, 3))
        cover = rng.uniform(0.2, 0.8)
        sky = mixed(sky, np.ones(3, np.float32), ((clouds - cover) / 0.3).clip(0, 0.9))
    return sky


def _outdoors(rng: np.random.Generator, size: Size) -> np.ndarray:
    """A sky over hills, trees or houses, over grass, sand or asphalt."""
    image, (height, width) = _sky(rng, size), size
    horizon = rng.uniform(0.25, 0.85) * height
    rows = np.arange(height, dtype=np.float32)[:, None]
    if rng.random() < 0.75:
        rise = rng.uniform(0.05, 0.5) * height
        ridge = horizon - rise * fractal(rng, (1, width), (1, rng.uniform(2, 8)), 4)
        wood = colour(rng, (0.2, 0.7), (0.1, 0.45), (0.15, 0.45))
        leaves = wood * (0.4 + 1.2 * fractal(rng, size, (12, 12), 3))[..., None]
        image = mixed(image, leaves, (rows - ridge).clip(0, 1))
    if rng.random() < 0.5:
        _houses(rng, image, horizon)
    ground = colour(rng, (0.3, 0.8), (0.25, 0.7), (0.18, 0.36))
    if rng.random() < 0.4:
        ground = colour(rng, (0, 0.35), (0.3, 0.8), (0.05, 0.15))
    blades = 0.7 + 0.6 * fractal(rng, size, (12, 6), 4)
    image = mixed(image, ground * blades[..., None], (rows - horizon).clip(0, 1) + 0 * blades)
    return image.clip(0, 1)


def _houses(rng: np.random.Generator, image: np.ndarray, base: float) -> None:
    height, width = image.shape[:2]
    sheet, left = Sheet((height, width)), -0.1 * width
    while left < width:
        broad, tall = rng.uniform(0.1, 0.4) * width, rng.uniform(0.1, 0.8) * base
        wall = colour(rng, (0, 0.5), (0.25, 0.9), (0, 0.15))
        sheet.pen.rectangle(
            sheet.points((left, base - tall), (left + broad, base)), fill=to_ink(wall)
        )
        step, glass = rng.uniform(0.03, 0.08) * width, to_ink(wall * rng.uniform(0.3, 0.7))
        for x in np.arange(left + step / 2, left + broad - step / 2, step):
            for y in np.arange(base - tall + step / 2, base - step, step * 1.4):
                corners = sheet.points((x, y), (x + step * 0.55, y + step * 0.8))
                sheet.pen.rectangle(corners, fill=glass)
        left += broad * rng.uniform(1, 1.6)
    blend(image, *sheet.pixels(), top=0, left=0)


def _wall(rng: np.random.Generator, size: Size) -> np.ndarray:
    """Bricks, planks, tiles or plaster."""
    height, width = size
    base = colour(rng, (0, 0.6), (0.25, 1))
    image = base * (0.75 + 0.5 * fractal(rng, size, (3, 3)))[..., None]
    if rng.random() < 0.75:
        tall = np.float32(rng.uniform(0.03, 0.12) * height)
        long = tall * np.float32(rng.choice([1, 2.5, 40]))
        y, x = np.mgrid[:height, :width].astype(np.float32)
        if rng.random() < 0.4:  # upright planks rather than lying bricks
            x, y = y, x
        row = np.floor(y / tall)
        column = np.floor((x + row % 2 * long / 2) / long)
        # A number for every brick, the same all over it.
        each = np.modf(np.abs(np.sin(row * 12.9 + column * 78.2) * 9999))[0]
        across, down = (x + row % 2 * long / 2) % long, y % tall
        joint = ((across < 1.5) | (down < 1.5)).astype(np.float32)
        image = image * (0.8 + 0.4 * each)[..., None]
        image = mixed(image, base * rng.uniform(0.3, 1.5), joint * 0.8)
    return image.clip(0, 1) * _light(rng, size)


def _room(rng: np.random.Generator, size: Size) -> np.ndarray:
    """A wall with windows, paintings and shelves, a floor, furniture."""
    (height, width), floor = size, rng.uniform(0.55, 0.95) * size[0]
    paper = colour(rng, (0, 0.5), (0.3, 1))
    image = paper * (0.9 + 0.2 * fractal(rng, size, (2, 2)))[..., None]
    boards = colour(rng, (0.1, 0.6), (0.15, 0.7), (0.04, 0.12))
    grain = 0.8 + 0.4 * fractal(rng, size, (30, 2), 3)
    rows = np.arange(height, dtype=np.float32)[:, None]
    image = mixed(image, boards * grain[..., None], (rows - floor).clip(0, 1) + 0 * grain)
    sheet = Sheet(size)
    for _ in range(rng.integers(2, 9)):
        broad, tall = rng.uniform(0.05, 0.4, 2) * (width, height)
        x = rng.uniform(-0.1, 1) * width
        y = floor - tall * rng.uniform(0.4, 1.1) if rng.random() < 0.5 else rng.uniform(0, floor)
        shade = colour(rng, (0, 0.6), (0.05, 1))
        sheet.pen.rectangle(
            sheet.points((x, y), (x + broad, y + tall)),
            fill=to_ink(shade),
            outline=to_ink(shade * rng.uniform(0.3, 1.2)),
            width=int(rng.integers(1, 8)),
        )
    blend(image, *sheet.pixels(), top=0, left=0)
    return image.clip(0, 1) * _light(rng, size)


def _clutter(rng: np.random.Generator, image: np.ndarray) -> None:
    """Things without a name, mostly below the middle."""
    (height, width), sheet = image.shape[:2], Sheet(image.shape[:2])
    shades = [colour(rng, (0, 0.8), (0.05, 1)) for _ in range(5)]
    for _ in range(rng.integers(4, 40)):
        across, down = rng.uniform(-0.05, 1.05) * width, height * rng.triangular(0.1, 0.8, 1.1)
        reach = 0.02 * width * 8 ** rng.random()
        corners = rng.normal((across, down), reach, (int(rng.integers(2, 6)), 2))
        ink = to_ink(shades[rng.integers(5)] * rng.uniform(0.5, 1.2))
        kind = rng.integers(8)
        if kind < 2:
            broad = int(rng.integers(1, 7))
            sheet.pen.line(sheet.points(*map(tuple, corners)), fill=ink, width=broad)
        elif kind == 2:  # few: a large one might pass for a balloon
            sheet.pen.ellipse(sheet.points(corners.min(0), corners.max(0)), fill=ink)
        else:
            sheet.pen.rectangle(sheet.points(corners.min(0), corners.max(0)), fill=ink)
    things, alpha = sheet.pixels()
    things *= (0.6 + 0.6 * fractal(rng, (height, width), (4, 4), 4))[..., None]
    blend(image, things, alpha, top=0, left=0)


def _foliage(rng: np.random.Generator, size: Size) -> np.ndarray:
    """Leaves, gravel, carpet: noise between three colours."""
    hue = rng.uniform(0, 1) if rng.random() < 0.4 else rng.uniform(0.15, 0.4)
    shades = [colour(rng, (0.1, 0.8), value, (hue, hue + 0.1)) for value in _DARK_TO_BRIGHT]
    cells = rng.uniform(2, 16)
    first, second = (fractal(rng, size, (cells, cells)) for _ in range(2))
    return mixed(mixed(shades[0], shades[1], first), shades[2], (2 * second - 1).clip(0, 1))


def _lights(rng: np.random.Generator, size: Size) -> np.ndarray:
    """Far lights and colours, out of focus."""
    image = _gradient(size, *(colour(rng, (0, 0.8), (0.05, 0.6)) for _ in range(2)))
    sheet = Sheet(size)
    for _ in range(rng.integers(5, 40)):
        radius, x, y = rng.uniform(0.01, 0.09) * size[1], *(rng.random(2) * size[::-1])
        disc = sheet.points((x - radius, y - radius), (x + radius, y + radius))
        ink = to_ink(colour(rng, (0, 0.9), (0.4, 1)), rng.uniform(0.2, 0.8))
        sheet.pen.ellipse(disc, fill=ink)
    blend(image, *sheet.pixels(), top=0, left=0)
    return blur(image, rng.uniform(0.005, 0.02) * size[1])


def _photograph(rng: np.random.Generator, size: Size) -> np.ndarray:
    """A part of one of scikit-learn's two photographs, in other colours."""
    photograph = _sample_images()[rng.integers(2)]
    fraction = rng.uniform(0.3, 1)
    broad, tall = (int(fraction * side) for side in photograph.size)
    left = int(rng.integers(photograph.width - broad + 1))
    top = int(rng.integers(photograph.height - tall + 1))
    box = (left, top, left + broad, top + tall)
    stretched = photograph.resize(size[::-1], Image.Resampling.BILINEAR, box)
    part = np.asarray(stretched, np.float32)[:, :: rng.choice([-1, 1]), rng.permutation(3)] / 255
    return part ** np.float32(rng.uniform(0.6, 1.6)) * _light(rng, size)


@cache
def _sample_images() -> list[Image.Image]:
    # By danielbuechele and vultilion of Flickr, CC BY 2.0, as the README beside them says.
    from sklearn.datasets import load_sample_images

    return [Image.fromarray(image) for image in load_sample_images().images]


def _light(rng: np.random.Generator, size: Size) -> np.ndarray:
    """Light that falls unevenly, as a factor for every pixel."""
    return (rng.uniform(0.5, 1.1) + 0.6 * (noise(rng, size, (2, 2)) - 0.4))[..., None].clip(0, 1.1)


_DARK_TO_BRIGHT = ((0.02, 0.3), (0.2, 0.7), (0.5, 1))

_KINDS: dict[Callable[[np.random.Generator, Size], np.ndarray], float] = {
    _sky: 0.14,
    _outdoors: 0.27,
    _wall: 0.14,
    _room: 0.2,
    _foliage: 0.08,
    _lights: 0.05,
    _photograph: 0.12,
}
