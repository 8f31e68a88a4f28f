"""A whole scene: background, strings, balloons and what else is there, camera."""

from typing import NamedTuple

import numpy as np

from thinkkeras.datasets.drawing import balloons
from thinkkeras.datasets.drawing.backgrounds import background
from thinkkeras.datasets.drawing.balloons import Outline
from thinkkeras.datasets.drawing.distractors import Patch, distractor
from thinkkeras.datasets.drawing.paint import Size, blend, blur, windows

# A balloon that shows fewer pixels, or a smaller fraction of itself, is left out of the scene:
# nobody would mark it.
VISIBLE_PIXELS, VISIBLE_FRACTION = 16, 0.2

Layer = Outline | Patch


class Scene(NamedTuple):
    """A drawn image, and which balloon is seen where."""

    image: np.ndarray  # uint8, shape (height, width, 3)
    instances: np.ndarray  # uint8, shape (height, width): 0, or a balloon's number from 1


def draw_scene(seed: int, index: int, size: Size = (256, 256), most: int = 12) -> Scene:
    """Draws the scene `index` of the endless series that `seed` names.

    Args:
        seed: Names the series, at least 0.
        index: The scene's place in it, at least 0; every scene is drawn on its own.
        size: Height and width in pixels, at least 32 each.
        most: The most balloons in a scene, 1 to 255.

    Raises:
        ValueError: An argument is out of its range.
    """
    if min(seed, index) < 0:
        raise ValueError(f"expected a seed and an index of at least 0, received {seed}, {index}")
    if min(size) < 32:
        raise ValueError(f"expected a size of at least (32, 32), received {size}")
    if not 1 <= most <= 255:
        raise ValueError(f"expected most between 1 and 255 balloons, received {most}")
    rng = np.random.default_rng((seed, index))
    canvas = background(rng, size)
    layers: list[Layer] = [distractor(rng, size) for _ in range(rng.integers(0, 6))]
    layers += [balloons.outline(balloon) for balloon in balloons.arrange(rng, size, most)]
    # What is larger is mostly nearer.
    nearness = [len(layer.alpha) * np.exp(rng.normal(0, 0.5)) for layer in layers]
    layers = _seen([layers[place] for place in np.argsort(nearness)], size)
    shown = [layer.balloon for layer in layers if isinstance(layer, Outline)]
    if rng.random() < 0.8:
        balloons.strings(rng, canvas, shown, bunch=rng.random() < 0.4)
    light = rng.uniform(-1, 1)
    for layer in layers:
        if isinstance(layer, Outline):
            balloons.paint(rng, canvas, layer, light)
        else:
            blend(canvas, layer.pixels, layer.alpha, layer.top, layer.left)
    return Scene(_photographed(rng, canvas), _instances(layers, size)[0])


def series(seed: int, split: str) -> int:
    """The series of a data set's "train", "validation" or "test" scenes.

    No two seeds or splits share one.
    """
    splits = ("train", "validation", "test")
    return len(splits) * seed + splits.index(split)


def boxes(instances: np.ndarray) -> np.ndarray:
    """The smallest boxes around the balloons of a scene.

    Args:
        instances: As a `Scene` has it, shape `(height, width)`.

    Returns:
        Int64 of shape `(balloons, 4)`: left, top, and the column and the row just past the
        balloon's last ones, in pixels.
    """
    found = []
    for number in range(1, int(instances.max()) + 1):
        mask = instances == number
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        found.append((columns[0], rows[0], columns[-1] + 1, rows[-1] + 1))
    return np.array(found, np.int64).reshape(-1, 4)


def _instances(layers: list[Layer], size: Size) -> tuple[np.ndarray, list[int]]:
    """Which balloon is seen at each pixel, numbered from 1 in the order of the layers.

    Also returns each balloon's own pixels, hidden ones and those outside the image included.
    """
    instances, areas = np.zeros(size, np.uint8), []
    for layer in layers:
        inside, cut = windows(size, layer.alpha.shape, layer.top, layer.left)
        covers, number = layer.alpha > 0.5, 0
        if isinstance(layer, Outline):
            areas.append(int(covers.sum()))
            number = len(areas)
        instances[inside][covers[cut]] = number
    return instances, areas


def _seen(layers: list[Layer], size: Size) -> list[Layer]:
    """The layers without the balloons of which too little is seen."""
    instances, areas = _instances(layers, size)
    counts = np.bincount(instances.ravel(), minlength=len(areas) + 1)[1:]
    enough = iter(counts >= np.maximum(VISIBLE_PIXELS, VISIBLE_FRACTION * np.array(areas)))
    return [layer for layer in layers if not isinstance(layer, Outline) or next(enough)]


def _photographed(rng: np.random.Generator, canvas: np.ndarray) -> np.ndarray:
    """The image as a camera takes it: exposure, white balance, focus, vignette, grain."""
    height, width = canvas.shape[:2]
    if rng.random() < 0.3:
        canvas = blur(canvas, rng.uniform(0.3, 1.2) * min(height, width) / 256)
    white = (rng.normal(1, 0.05, 3) * rng.uniform(0.8, 1.15)).astype(np.float32)
    canvas = canvas ** np.float32(rng.uniform(0.6, 1.3)) * white
    if rng.random() < 0.05:
        canvas = canvas.mean(axis=2, keepdims=True).repeat(3, 2)
    down = np.linspace(-1, 1, height, dtype=np.float32)[:, None] ** 2
    corner = down + np.linspace(-1, 1, width, dtype=np.float32) ** 2
    canvas = canvas * (1 - np.float32(rng.uniform(0, 0.2)) * corner)[..., None]
    grain = rng.random(canvas.shape, np.float32) + rng.random(canvas.shape, np.float32) - 1
    grain *= np.float32(rng.uniform(0, 0.1))
    return ((canvas + grain).clip(0, 1) * 255 + 0.5).astype(np.uint8)
