"""Characters of an alphabet that nobody has ever written: random strokes, drawn by many hands."""

import numpy as np
from PIL import Image, ImageDraw

FINER = 4  # how many times finer than the image the pen draws
POINTS = 20  # along each stroke


def draw_alphabet(seed: int, characters: int, drawings: int, size: int) -> np.ndarray:
    """Draws an alphabet: each character is a few curved strokes, each drawing another hand's.

    A hand gives all strokes its slant, turn, scale, place and width of the pen, and every anchor
    of a stroke a wobble of its own.

    Args:
        seed: Which alphabet.
        characters: How many characters it has.
        drawings: How many drawings of each.
        size: Side of an image, in pixels.

    Returns:
        Dark ink on white paper, uint8 `(characters, drawings, size, size, 1)`.
    """
    rng = np.random.default_rng([seed, 1870])
    # An alphabet has a style: how many strokes its characters have, and how much they bend.
    strokes, bend = rng.integers(3, 5), rng.uniform(0.05, 0.35)
    images = []
    for _ in range(characters):
        count = int(strokes + rng.integers(-1, 2))
        shape = [_stroke(rng, bend) for _ in range(count)]
        images.append([_drawing(rng, shape, size) for _ in range(drawings)])
    return np.array(images)[..., None]


def _stroke(rng: np.random.Generator, bend: float) -> np.ndarray:
    """The three anchors of a quadratic Bézier curve, `(3, 2)` in the unit square."""
    while True:
        # Ends on a coarse grid, so that the strokes of a character meet as those of letters do.
        first, last = rng.integers(0, 4, (2, 2)) / 3
        if np.abs(first - last).max() > 0.5:
            break
    middle = (first + last) / 2 + rng.normal(0, bend, 2)
    return np.stack([first, middle, last])


def _drawing(rng: np.random.Generator, shape: list[np.ndarray], size: int) -> np.ndarray:
    """One hand's drawing of a character, uint8 `(size, size)`."""
    turn, slant = rng.normal(0, 0.12), rng.normal(0, 0.15)
    cosine, sine = np.cos(turn), np.sin(turn)
    hand = np.array([[cosine, -sine], [sine, cosine]]) @ np.array([[1, slant], [0, 1]])
    hand = hand * rng.uniform(0.75, 1.05, (2, 1))
    centre = 0.5 + rng.normal(0, 0.04, 2)
    width = round(rng.uniform(0.05, 0.09) * size * FINER)
    page = Image.new("L", (size * FINER, size * FINER), 255)
    pen = ImageDraw.Draw(page)
    along = np.linspace(0, 1, POINTS)[:, None]
    for stroke in shape:
        first, middle, last = stroke + rng.normal(0, 0.045, (3, 2))
        curve = (1 - along) ** 2 * first + 2 * along * (1 - along) * middle + along**2 * last
        # A margin keeps the ink on the page.
        placed = ((curve - 0.5) @ hand.T * 0.7 + centre) * size * FINER
        pen.line([tuple(point) for point in placed], fill=0, width=width, joint="curve")
        for x, y in (placed[0], placed[-1]):
            pen.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=0)
    return np.asarray(page.reduce(FINER))
