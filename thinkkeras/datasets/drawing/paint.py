"""What every part of a scene is painted with: colours, noise, blending, blur."""

import colorsys

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

Size = tuple[int, int]  # height, width


def colour(
    rng: np.random.Generator,
    saturation: tuple[float, float] = (0.0, 1.0),
    value: tuple[float, float] = (0.0, 1.0),
    hue: tuple[float, float] = (0.0, 1.0),
) -> np.ndarray:
    """A random colour, float32 of shape `(3,)`, with its HSV coordinates in the given ranges."""
    drawn = colorsys.hsv_to_rgb(
        rng.uniform(*hue) % 1, rng.uniform(*saturation), rng.uniform(*value)
    )
    return np.array(drawn, np.float32)


def noise(rng: np.random.Generator, size: Size, cells: tuple[float, float]) -> np.ndarray:
    """Smooth noise in 0-1 of shape `size`, with about `cells` random values down and across."""
    rows, columns = (max(2, round(count)) for count in cells)
    grid = Image.fromarray(rng.random((rows, columns), np.float32))
    return np.asarray(grid.resize(size[::-1], Image.Resampling.BICUBIC)).clip(0, 1)


def fractal(
    rng: np.random.Generator, size: Size, cells: tuple[float, float] = (3, 3), octaves: int = 5
) -> np.ndarray:
    """Noise in 0-1 of shape `size` at several scales at once, as clouds and foliage have it."""
    total = np.zeros(size, np.float32)
    for octave in range(octaves):
        fine = noise(rng, size, (cells[0] * 2**octave, cells[1] * 2**octave))
        total += fine * 0.55**octave
    low, high = total.min(), total.max()
    return (total - low) / (high - low)


def mixed(first: np.ndarray, second: np.ndarray, fraction: np.ndarray) -> np.ndarray:
    """Colours or images, mixed by the second's `fraction`, shape `(height, width)`."""
    return first + (second - first) * fraction[..., None]


def blend(canvas: np.ndarray, patch: np.ndarray, alpha: np.ndarray, top: int, left: int) -> None:
    """Lays a patch over the canvas, in place; what sticks out is cut off.

    Args:
        canvas: Shape `(height, width, 3)`.
        patch: A colour, or an image of the shape of `alpha` and 3 channels.
        alpha: Opacity in 0-1, shape `(rows, columns)`.
        top: Row of the canvas where the patch begins; may be negative.
        left: Column likewise.
    """
    inside, cut = windows(canvas.shape[:2], alpha.shape, top, left)
    part = patch[cut] if patch.ndim == 3 else patch
    canvas[inside] = mixed(canvas[inside], part, alpha[cut])


def windows(
    size: Size, patch: Size, top: int, left: int
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Where a patch laid at `(top, left)` meets a canvas: slices of the canvas and of the patch."""
    first = max(0, -top), max(0, -left)
    last = max(first[0], min(patch[0], size[0] - top)), max(first[1], min(patch[1], size[1] - left))
    cut = slice(first[0], last[0]), slice(first[1], last[1])
    inside = slice(top + first[0], top + last[0]), slice(left + first[1], left + last[1])
    return inside, cut


def blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """An image of shape `(height, width, 3)`, out of focus by `sigma` pixels."""
    softened = to_image(image).filter(ImageFilter.GaussianBlur(sigma))
    return np.asarray(softened, np.float32) / 255


def to_image(image: np.ndarray) -> Image.Image:
    return Image.fromarray((image.clip(0, 1) * 255).round().astype(np.uint8))


def to_ink(shade: np.ndarray, alpha: float = 1) -> tuple[int, int, int, int]:
    """A colour as Pillow's drawing functions take it."""
    red, green, blue = (int(round(255 * part)) for part in shade.clip(0, 1))
    return red, green, blue, int(round(255 * alpha))


class Sheet:
    """A transparent sheet to draw on with Pillow, twice as fine as the image under it.

    Args:
        size: Height and width in the image's pixels.
    """

    FINER = 2

    def __init__(self, size: Size) -> None:
        height, width = (max(1, side) * self.FINER for side in size)
        self.image = Image.new("RGBA", (width, height))
        self.pen = ImageDraw.Draw(self.image)

    def points(self, *corners: tuple[float, float]) -> list[tuple[float, float]]:
        """Corners `(x, y)` in the image's pixels, as the pen takes them."""
        return [(x * self.FINER, y * self.FINER) for x, y in corners]

    def pixels(self) -> tuple[np.ndarray, np.ndarray]:
        """The drawing in the image's pixels: colours `(height, width, 3)`, and opacity."""
        drawn = np.asarray(self.image.reduce(self.FINER), np.float32) / 255
        return drawn[..., :3], drawn[..., 3]
