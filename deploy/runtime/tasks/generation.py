"""Generation: images out of noise, drawn on the device from a seed, so that a seed is an image.

A decoder or a generator makes the image at once. A denoiser finds the noise in an image; the card's
`steps` say how often it is asked, and the image comes out of noise step by step.

Source: Song, Meng and Ermon, "Denoising Diffusion Implicit Models", ICLR 2021, equation 12.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from deploy.runtime.checks import is_number
from deploy.runtime.errors import DeployError
from deploy.runtime.inputs.image import is_image_shape
from deploy.runtime.tasks.checks import wrong_model
from deploy.runtime.tasks.image_to_image import to_rgb

if TYPE_CHECKING:
    from deploy.runtime.model import Model

HAS_SCORES = False

# Nothing is drawn on an image, none is given.
draw = None
judge = None
events = None

_MOST_IMAGES = 10_000


def check(card: Mapping[str, Any]) -> None:
    """Whether the model makes an image of the inputs that the card names.

    Raises:
        DeployError: it does not.
    """
    settings = card.get("generation")
    if not isinstance(settings, Mapping):
        raise wrong_model(card["task"], "its settings `generation`", [settings])
    inputs = {entry["name"]: tuple(entry["shape"][1:]) for entry in card["inputs"]}
    roles = [settings.get(role) for role in ("noise", "time", "class")]
    shapes = [tuple(entry["shape"][1:]) for entry in card["outputs"]]
    named = [name for name in roles if name is not None]
    if roles[0] is None or sorted(map(str, named)) != sorted(inputs):
        raise wrong_model(card["task"], "inputs noise, time and class, each named once", named)
    if len(shapes) != 1 or not is_image_shape(shapes[0]):
        raise wrong_model(card["task"], "one image (1, h, w, 1 or 3) as the output", shapes)
    ends = [card.get("black"), card.get("white")]
    if not all(map(is_number, ends)) or ends[0] == ends[1]:
        raise wrong_model(card["task"], "two numbers black and white", ends)
    steps = settings.get("steps")
    if (roles[1] is None) != (steps is None):
        raise wrong_model(card["task"], "steps where there is a time", [steps])
    if steps is not None:
        check_steps(steps, inputs[roles[1]])
        if inputs[roles[0]] != shapes[0]:
            raise wrong_model(card["task"], "noise of the image's shape", [inputs, shapes])


def check_steps(steps: Any, shape: Sequence[int]) -> None:
    """Whether they lead from noise to an image: each with what is `kept` of the image, rising
    between 0 and 1, and with a `time` of that shape.

    Raises:
        DeployError: they don't.
    """
    known = isinstance(steps, list) and all(isinstance(step, Mapping) for step in steps)
    kept = [step.get("kept") for step in steps] if known else []
    fits = len(kept) > 0 and all(is_number(each) and 0 < each < 1 for each in kept)
    fits = fits and all(earlier < later for earlier, later in zip(kept, kept[1:], strict=False))
    try:
        times = [np.asarray(step["time"], np.float32) for step in steps] if fits else []
        fits = fits and all(t.shape == tuple(shape) and np.isfinite(t).all() for t in times)
    except (KeyError, TypeError, ValueError):
        fits = False
    if not fits:
        raise DeployError(
            "expected steps from noise to image, a list of mappings, each with what is `kept` of "
            "the image's variance, rising between 0 and 1, and a `time` of shape "
            f"{tuple(shape)}, received others"
        )


def class_names(card: Mapping[str, Any], labels: Sequence[str]) -> list[str]:
    """The names of the classes that can be asked for, their numbers where they have none."""
    entry = _entry(card, "class")
    return list(labels) or [str(index) for index in range(entry["shape"][-1] if entry else 0)]


def predict(
    card: Mapping[str, Any],
    outputs: Sequence[np.ndarray],
    labels: Sequence[str],
    image_size: tuple[int, int],
    score_threshold: float | None = None,
) -> np.ndarray:
    """The image that noise has become, uint8 (height, width, 3).

    Raises:
        DeployError: a denoiser, whose output is no image.
    """
    if card["generation"]["steps"] is not None:
        raise DeployError(
            "expected a model that makes an image at once, received a denoiser, of which "
            "`generate` takes every step"
        )
    return to_rgb(outputs[0], card)


def to_text(prediction: np.ndarray, classes: Sequence[str]) -> str:
    """The size of the image."""
    height, width, _ = prediction.shape
    return f"an image of {width} x {height} pixels"


def generate(
    model: Model,
    count: int = 1,
    *,
    seed: int = 0,
    to_seed: int | None = None,
    class_name: str | None = None,
    steps: int | None = None,
) -> np.ndarray:
    """Images out of noise, uint8 (count, height, width, 3).

    Args:
        model: of the task "generation".
        count: how many images.
        seed: the same seed makes the same images, and more of them make the same first ones.
        to_seed: the images lie between the first one of `seed` and the first one of this seed; see
            `between`.
        class_name: of all the images; None takes one class after the other. A number where the
            classes have no names.
        steps: of a denoiser how many of the card's steps are taken; None: all.

    Raises:
        DeployError: a model for another task, no such class, or a number that is out of range.
    """
    card = model.card
    if card["task"] != "generation":
        raise DeployError(f"expected a model for generation, received one for {card['task']}")
    for name, number in (("seed", seed), ("other seed", to_seed)):
        if number is not None and number < 0:
            raise DeployError(f"expected a {name} of at least 0, received {number}")
    if not 1 <= count <= _MOST_IMAGES:
        raise DeployError(f"expected between 1 and {_MOST_IMAGES} images, received {count}")
    shape = _shape(card, "noise")
    if to_seed is None:
        noise = draw_noise(shape, count, seed)
    else:
        first, second = (draw_noise(shape, 1, each)[0] for each in (seed, to_seed))
        noise = between(first, second, count)
    given = {card["generation"]["noise"]: noise}
    if _entry(card, "class") is not None:
        different = count if to_seed is None else 1
        given[card["generation"]["class"]] = _classes(model, class_name, count, different)
    elif class_name is not None:
        raise DeployError(
            f"expected no class for a model that is told none, received '{class_name}'"
        )
    if card["generation"]["steps"] is None:
        if steps is not None:
            raise DeployError(
                "expected no steps for a model that makes an image at once, received "
                f"{steps}; leave them out"
            )
        (images,) = _run(model, given)
    else:
        images = denoised(model, given, steps)
    return np.stack([to_rgb(image, card) for image in images])


def draw_noise(shape: Sequence[int], count: int, seed: int) -> np.ndarray:
    """Noise of the standard normal distribution, float32 (count, …), by NumPy's PCG64."""
    return np.random.default_rng(seed).standard_normal((count, *shape), dtype=np.float32)


def between(first: np.ndarray, second: np.ndarray, count: int) -> np.ndarray:
    """`count` points from one noise to another along a great circle, float32 (count, …).

    In the middle of a straight line noise would be smaller than the model has ever seen it.

    Source: White, "Sampling Generative Networks", arXiv:1609.04468, 2016, section 2.1.
    """
    lengths = np.linalg.norm(first), np.linalg.norm(second)
    cosine = float(np.clip(np.vdot(first, second) / (lengths[0] * lengths[1]), -1, 1))
    angle = np.arccos(cosine)
    shares = np.linspace(0, 1, count).reshape(-1, *[1] * first.ndim)
    if np.sin(angle) < 1e-6:
        return ((1 - shares) * first + shares * second).astype(np.float32)
    weights = np.sin((1 - shares) * angle), np.sin(shares * angle)
    return ((weights[0] * first + weights[1] * second) / np.sin(angle)).astype(np.float32)


def denoised(model: Model, given: Mapping[str, np.ndarray], count: int | None = None) -> np.ndarray:
    """What noise becomes step by step, float32 (examples, height, width, channels), from the card's
    `black` to its `white`.

    Args:
        model: a denoiser.
        given: by the names of the inputs the noise, and the class where there is one.
        count: how many of the card's steps are taken; None: all.

    Raises:
        DeployError: more steps than the card has.
    """
    settings, given = model.card["generation"], dict(given)
    steps = settings["steps"]
    if count is not None and not 1 <= count <= len(steps):
        raise DeployError(f"expected between 1 and {len(steps)} steps, received {count}")
    taken = np.linspace(0, len(steps) - 1, count or len(steps)).round().astype(int)
    kept = [steps[index]["kept"] for index in taken]
    black, white = model.card["black"], model.card["white"]
    x = given[settings["noise"]]
    for index, now, then in zip(taken, kept, [*kept[1:], 1.0], strict=True):
        time = np.asarray([steps[index]["time"]], np.float32)
        given |= {settings["noise"]: x, settings["time"]: np.repeat(time, len(x), axis=0)}
        (found,) = _run(model, given)
        # Early on little of the image is left, and a small error would be a large one.
        image = np.clip((x - np.sqrt(1 - now) * found) / np.sqrt(now), black, white)
        found = (x - np.sqrt(now) * image) / np.sqrt(1 - now)
        x = (np.sqrt(then) * image + np.sqrt(1 - then) * found).astype(np.float32)
    return x


def _run(model: Model, given: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    return model.run([given[entry["name"]] for entry in model.card["inputs"]])


def _classes(model: Model, name: str | None, count: int, different: int) -> np.ndarray:
    """One-hot rows: of the class called `name`, or of as many `different` ones after the other."""
    entry, names = _entry(model.card, "class"), model.class_names()
    if name is not None and name not in names:
        shown = ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
        raise DeployError(f"expected one of the classes {shown}, received '{name}'")
    indices = np.arange(count) % different if name is None else np.full(count, names.index(name))
    return np.eye(entry["shape"][-1], dtype=np.float32)[indices % len(names)]


def _shape(card: Mapping[str, Any], role: str) -> tuple[int, ...]:
    return tuple(_entry(card, role)["shape"][1:])


def _entry(card: Mapping[str, Any], role: str) -> Any:
    name = card["generation"].get(role)
    return next((entry for entry in card["inputs"] if entry["name"] == name), None)
