"""Predictions drawn on their images: boxes, masks, maps, bars; Pillow is loaded only to draw."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from deploy.runtime.text import count_in_words, fractions_of, percent

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont, ImageFont

Colour = tuple[int, int, int]
Box = tuple[float, float, float, float]

_BACKGROUND, _INK, _BAR = (250, 250, 248), (32, 33, 36), (66, 120, 198)
_SIDE, _ROW = 256, 26
_HEAT = ((255, 205, 0), (230, 20, 30))
# Smaller images are enlarged, so that names can be read on them.
_LEAST = 640
_FIRST_COLOURS: tuple[Colour, ...] = (
    (230, 40, 60),
    (20, 90, 230),
    (255, 205, 0),
    (30, 160, 70),
    (150, 60, 200),
    (0, 200, 200),
    (255, 120, 10),
    (240, 60, 160),
    (140, 200, 30),
    (120, 80, 50),
)
# The side of a small image on a sheet of many, and what lies between them.
_TILE, _GAP = 64, 4
# How much of a pixel is the colour of its mask.
_TINT = 0.5
# So many objects of a single class have their names written on them.
_NAMED = 8
# A map of more classes tells only those of the image.
_LEGEND = 12


def colour(index: int) -> Colour:
    """The colour of the object or class of this number: the first ten by hand, then more hues."""
    if index < len(_FIRST_COLOURS):
        return _FIRST_COLOURS[index]
    # Steps of the golden ratio never come back to a hue that was there.
    hue, bright = index * 0.618034 % 1, 0.95 if index % 2 else 0.7
    red, green, blue = (round(255 * part) for part in colorsys.hsv_to_rgb(hue, 0.8, bright))
    return red, green, blue


def draw_detections(image: Image, prediction: Mapping[str, Any], classes: Sequence[str]) -> Image:
    """`image` with the objects' boxes, names and scores, their masks, and above it their count.

    Objects of a detector of one class have a colour each, else each class has one.
    """
    from PIL import ImageDraw

    zoom = max(1.0, _LEAST / max(image.size))
    labels = range(len(prediction["boxes"])) if len(classes) == 1 else prediction["labels"]
    colours = [colour(int(index)) for index in labels]
    canvas = _enlarged(image, zoom)
    if len(prediction.get("masks", ())):
        owners = np.zeros(prediction["masks"].shape[1:], np.int32)
        # The highest-scoring lies on top.
        for index in reversed(range(len(colours))):
            owners[prediction["masks"][index]] = index + 1
        canvas = _tinted(canvas, owners, [None, *colours])
    draw, font = ImageDraw.Draw(canvas), _font(canvas)
    boxes: list[Box] = [tuple(box) for box in (zoom * prediction["boxes"]).tolist()]
    width = max(2, round(max(canvas.size) / 320))
    for box, shade in zip(reversed(boxes), reversed(colours), strict=True):
        draw.rectangle(box, outline=shade, width=width)
    tags: list[Box] = []
    for box, name, score, shade in zip(
        boxes, prediction["names"], prediction["scores"], colours, strict=True
    ):
        texts = (f"{name} {100 * score:.0f} %", f"{100 * score:.0f} %")
        # Of a single class the name stands above the image; small or many objects do without.
        wide = draw.textlength(texts[0], font) > 1.5 * (box[2] - box[0])
        short = len(classes) == 1 and (wide or len(boxes) > _NAMED)
        _draw_tag(draw, texts[short], font, box, shade, tags, canvas.size)
    return _with_title(canvas, count_in_words(prediction["names"], classes))


def draw_label_map(image: Image, classes: np.ndarray, names: Sequence[str]) -> Image:
    """`image` tinted with the class of each pixel, and beneath it what the colours stand for.

    A first class called "background", or that of the two of a single unit, stays untinted.
    """
    zoom = max(1.0, _LEAST / max(image.size))
    plain = len(names) == 2 or names[0].lower() in ("background", "none")
    colours = [None if plain and index == 0 else colour(index) for index in range(len(names))]
    canvas = _tinted(_enlarged(image, zoom), classes, colours)
    fractions = fractions_of(classes, len(names))
    shown = [
        index
        for index, shade in enumerate(colours)
        if shade and (len(names) <= _LEGEND or fractions[index])
    ]
    entries = [(f"{names[index]} {percent(fractions[index])}", colours[index]) for index in shown]
    return _with_legend(canvas, entries)


def draw_classification(image: Image, probabilities: np.ndarray, classes: Sequence[str]) -> Image:
    """`image` with the three most probable classes as bars beneath it."""
    from PIL import ImageDraw, ImageFont

    best = np.argsort(probabilities)[::-1][:3]
    canvas, beneath = _framed(image, rows=len(best))
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(size=14)
    for row, index in enumerate(best):
        top = beneath + _ROW * row
        probability = float(probabilities[index])
        draw.rectangle((12, top + 18, 12 + round(_SIDE * probability), top + 22), fill=_BAR)
        draw.text((12, top), classes[index], fill=_INK, font=font)
        draw.text(
            (12 + _SIDE, top), f"{100 * probability:.1f} %", fill=_INK, font=font, anchor="ra"
        )
    return canvas


def draw_heat_map(image: Image, heat: np.ndarray) -> Image:
    """`image` with `heat`, (height, width) from 0 to 1, interpolated over it: the hotter, the less
    of the image and the more of a colour from yellow to red is seen."""
    from PIL.Image import Resampling, fromarray

    canvas = _enlarged(image, max(1.0, _LEAST / max(image.size)))
    warm = fromarray(heat.astype(np.float32)).resize(canvas.size, Resampling.BILINEAR)
    strength = np.clip(np.asarray(warm), 0, 1)[..., None]
    low, high = np.array(_HEAT, np.float32)
    pixels = np.asarray(canvas, np.float32)
    colours = low + (high - low) * strength
    return fromarray((pixels + (colours - pixels) * 0.9 * strength).round().astype(np.uint8))


def draw_caption(image: Image, title: str, text: str) -> Image:
    """`image` with two lines beneath it, the title larger than the text; long ones are cut."""
    from PIL import ImageDraw

    canvas, beneath = _framed(image, rows=2)
    draw = ImageDraw.Draw(canvas)
    for row, (line, size) in enumerate([(title, 18), (text, 14)]):
        font = _font_for(line, size, _SIDE)
        while font.getlength(line) > _SIDE:
            line = f"{line[:-2]}…"
        draw.text((12, beneath + _ROW * row), line, fill=_INK, font=font)
    return canvas


def side_by_side(images: list[Image]) -> Image:
    """The `images` in one row."""
    from PIL import Image

    width = sum(image.width for image in images)
    canvas = Image.new("RGB", (width, max(p.height for p in images)), _BACKGROUND)
    left = 0
    for image in images:
        canvas.paste(image, (left, 0))
        left += image.width
    return canvas


def sheet(images: Sequence[np.ndarray]) -> Image:
    """The `images`, uint8 (height, width, 3) all of one size, in rows of about as many as there are
    rows; small ones enlarged, their pixels visible."""
    from PIL import Image

    height, width = images[0].shape[:2]
    columns = math.ceil(math.sqrt(len(images)))
    zoom = max(1, _TILE // max(height, width))
    step = width * zoom + _GAP, height * zoom + _GAP
    canvas = Image.new(
        "RGB",
        (columns * step[0] - _GAP, math.ceil(len(images) / columns) * step[1] - _GAP),
        _BACKGROUND,
    )
    for index, image in enumerate(images):
        tile = Image.fromarray(image).resize(
            (width * zoom, height * zoom), Image.Resampling.NEAREST
        )
        row, column = divmod(index, columns)
        canvas.paste(tile, (column * step[0], row * step[1]))
    return canvas


def _framed(image: Image, rows: int) -> tuple[Image, int]:
    """The image on a sheet with room for rows of text, and where the first of them begins."""
    from PIL import Image
    from PIL.Image import Resampling

    zoom = _SIDE / max(image.size)
    size = (max(1, round(image.width * zoom)), max(1, round(image.height * zoom)))
    # Small images keep their pixels visible; photographs shrink smoothly.
    image = image.convert("RGB").resize(
        size, Resampling.NEAREST if zoom > 1 else Resampling.LANCZOS
    )
    canvas = Image.new("RGB", (_SIDE + 24, size[1] + 36 + _ROW * rows), _BACKGROUND)
    canvas.paste(image, ((canvas.width - size[0]) // 2, 12))
    return canvas, size[1] + 24


def _enlarged(image: Image, zoom: float) -> Image:
    from PIL.Image import Resampling

    image = image.convert("RGB")
    if zoom == 1:
        return image
    size = (max(1, round(image.width * zoom)), max(1, round(image.height * zoom)))
    return image.resize(size, Resampling.BICUBIC)


def _font(canvas: Image, scale: float = 1.0) -> FreeTypeFont | ImageFont:
    from PIL import ImageFont

    return ImageFont.load_default(size=max(12, round(scale * max(canvas.size) / 42)))


def _font_for(text: str, size: int, width: float) -> FreeTypeFont | ImageFont:
    """The font of that size, or of the next smaller one in which the text is not too wide."""
    from PIL import ImageFont

    while size > 10 and ImageFont.load_default(size).getlength(text) > width:
        size -= 1
    return ImageFont.load_default(size)


def _tinted(canvas: Image, owners: np.ndarray, colours: Sequence[Colour | None]) -> Image:
    """`canvas` in the colours of its pixels' owners, (height, width) numbers, with full borders."""
    from PIL.Image import Resampling, fromarray

    numbers = fromarray(owners.astype(np.int32))
    owners = np.asarray(numbers.resize(canvas.size, Resampling.NEAREST))
    table = np.array([shade or (0, 0, 0) for shade in colours], np.float32)
    strength = np.array([_TINT if shade else 0 for shade in colours], np.float32)[owners]
    strength = np.where(_borders(owners) & (strength > 0), 1, strength)[..., None]
    pixels = np.asarray(canvas, np.float32)
    return fromarray((pixels + (table[owners] - pixels) * strength).round().astype(np.uint8))


def _borders(owners: np.ndarray) -> np.ndarray:
    # The pixels, so far inside, that see another owner above or beside.
    border = np.zeros(owners.shape, bool)
    for far in range(1, max(1, round(max(owners.shape) / 640)) + 1):
        for here, there in ((slice(far, None), slice(-far)), (slice(-far), slice(far, None))):
            border[here] |= owners[here] != owners[there]
            border[:, here] |= owners[:, here] != owners[:, there]
    return border


def _draw_tag(
    draw: ImageDraw,
    text: str,
    font: FreeTypeFont | ImageFont,
    box: Box,
    shade: Colour,
    tags: list[Box],
    size: tuple[int, int],
) -> None:
    """A name on its colour at the box, where it hides no other name if there is such a place."""
    _, top, _, bottom = draw.textbbox((0, 0), "Åg", font)
    pad = max(2, (bottom - top) // 6)
    width, height = draw.textlength(text, font) + 2 * pad, bottom - top + 2 * pad
    places = [
        (box[0], box[1] - height),
        (box[2] - width, box[1] - height),
        (box[0], box[3]),
        (box[2] - width, box[3]),
        (box[0], box[1]),
        (box[0], box[3] - height),
    ]
    fitting = [_inside((x, y, x + width, y + height), size) for x, y in places]
    free = [place for place in fitting if not any(_meet(place, tag) for tag in tags)]
    place = (free or fitting)[0]
    tags.append(place)
    draw.rectangle(place, fill=shade)
    draw.text((place[0] + pad, place[1] + pad - top), text, fill=_ink_on(shade), font=font)


def _inside(box: Box, size: tuple[int, int]) -> Box:
    right = min(max(0, size[0] - (box[2] - box[0])), max(0, box[0]))
    down = min(max(0, size[1] - (box[3] - box[1])), max(0, box[1]))
    return right, down, right + box[2] - box[0], down + box[3] - box[1]


def _meet(one: Box, other: Box) -> bool:
    return all(one[k] < other[k + 2] and other[k] < one[k + 2] for k in (0, 1))


def _ink_on(shade: Colour) -> Colour:
    light = 0.3 * shade[0] + 0.59 * shade[1] + 0.11 * shade[2]
    return (0, 0, 0) if light > 140 else (255, 255, 255)


def _with_title(canvas: Image, title: str) -> Image:
    from PIL import Image, ImageDraw

    font = _font_for(title, max(18, round(max(canvas.size) / 26)), 0.96 * canvas.width)
    height = round(max(canvas.size) / 26 * 1.7)
    titled = Image.new("RGB", (canvas.width, canvas.height + height), _BACKGROUND)
    titled.paste(canvas, (0, height))
    ImageDraw.Draw(titled).text(
        (canvas.width / 2, height / 2),
        title,
        fill=_INK,
        font=font,
        anchor="mm",
    )
    return titled


def _with_legend(canvas: Image, entries: Sequence[tuple[str, Colour | None]]) -> Image:
    from PIL import Image, ImageDraw

    font = _font(canvas)
    draw = ImageDraw.Draw(canvas)
    line = round(1.6 * draw.textbbox((0, 0), "Åg", font)[3])
    # Columns as wide as the longest name that could come.
    widest = max([draw.textlength(text, font) for text, _ in entries], default=0) + 2 * line
    columns = max(1, int((canvas.width - line // 2) // widest))
    rows = -(-len(entries) // columns)
    whole = Image.new("RGB", (canvas.width, canvas.height + (rows + 1) * line), _BACKGROUND)
    whole.paste(canvas, (0, 0))
    draw = ImageDraw.Draw(whole)
    for index, (text, shade) in enumerate(entries):
        left = line // 2 + index % columns * widest
        middle = canvas.height + (index // columns + 1) * line
        draw.rectangle((left, middle - line // 3, left + line, middle + line // 3), fill=shade)
        draw.text((left + 1.4 * line, middle), text, fill=_INK, font=font, anchor="lm")
    return whole
