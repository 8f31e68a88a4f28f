"""Generation: decoders, generators and denoisers, whose noise is an input; how alike the images of
the same noise are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from deploy.measure.formatting import agreement_text
from deploy.runtime.card import ClassAgreement
from deploy.runtime.checks import is_number
from deploy.runtime.errors import DeployError
from deploy.runtime.inputs.image import is_image_shape
from deploy.runtime.tasks.generation import check_steps
from deploy.tasks import image_to_image

if TYPE_CHECKING:
    from deploy.load.source import Source

_SETTINGS = ("noise", "class", "time", "steps", "black", "white")

# Whether images are good is a question to many of them, which the user's own metric asks.
metric = None
further_metrics = None


def infer(
    source: Source,
    outputs: Sequence[np.ndarray],
    class_names: Sequence[str],
    settings: Mapping[str, Any] | None,
) -> dict[str, Any] | None:
    """The card's `generation`: which input is the `noise`, the `class` and the `time`, by their
    names, and the `steps` of a denoiser, from noise to image, each with what is `kept` of the
    image's variance (ᾱ) and the `time` that the network takes; `black` and `white` of the image.
    None where nobody asks: noise looks like any numbers.

    Raises:
        DeployError: inputs or outputs that don't fit, another number of class names than there are
            classes, or unknown settings.
    """
    if settings is None:
        return None
    unknown = sorted(set(settings) - set(_SETTINGS))
    if unknown:
        raise DeployError(
            f"expected of the task generation {', '.join(_SETTINGS)}, received '{unknown[0]}'"
        )
    shapes = {entry.name: entry.shape for entry in source.inputs}
    roles = {role: settings.get(role) for role in ("noise", "class", "time")}
    if roles["noise"] is None and len(shapes) == 1:
        roles["noise"] = next(iter(shapes))
    named = [name for name in roles.values() if name is not None]
    if roles["noise"] is None or sorted(named) != sorted(shapes):
        raise DeployError(
            "expected the name of the input for noise, and of those for class and time where there "
            f"are such, for the task generation, received {named}; the model's inputs are "
            f"{sorted(shapes)}"
        )
    if len(outputs) != 1 or not is_image_shape(outputs[0].shape[1:]):
        raise DeployError(
            "expected one image (height, width, 1 or 3) as the output for the task generation, "
            f"received {[output.shape[1:] for output in outputs]}"
        )
    steps = _steps(settings.get("steps"), roles, shapes, outputs[0].shape[1:])
    _check_classes(roles["class"], shapes, class_names)
    ends = image_to_image.black_and_white(outputs[0]) if steps is None else (-1, 1)
    told = {"black": ends[0], "white": ends[1]} | {
        end: settings[end] for end in ("black", "white") if end in settings
    }
    if not all(map(is_number, told.values())) or told["black"] == told["white"]:
        raise DeployError(
            f"expected two numbers black and white for the task generation, received {told}"
        )
    return {"activation": None, "generation": {**roles, "steps": steps}, **told}


def _steps(
    steps: Any,
    roles: Mapping[str, Any],
    shapes: Mapping[str, tuple[int, ...]],
    image: tuple[int, ...],
) -> list[dict[str, Any]] | None:
    if (steps is None) != (roles["time"] is None):
        raise DeployError(
            "expected steps for a model with a time, and none for one without, received "
            f"time {roles['time']!r} and {'no steps' if steps is None else 'steps'}"
        )
    if steps is None:
        return None
    if shapes[roles["noise"]] != image:
        raise DeployError(
            f"expected a denoiser from (height, width, channels) to the same, received "
            f"{shapes[roles['noise']]} to {image}"
        )
    check_steps(steps, shapes[roles["time"]])
    return list(steps)


def _check_classes(
    name: str | None, shapes: Mapping[str, tuple[int, ...]], class_names: Sequence[str]
) -> None:
    shape = (0,) if name is None else shapes[name]
    if len(shape) != 1:
        raise DeployError(
            f"expected the class as one row of numbers (classes,), one-hot, received {shape}"
        )
    (classes,) = shape
    if class_names and len(class_names) != classes:
        raise DeployError(
            f"expected {classes} class names, as many as the input for the class has numbers, "
            f"received {len(class_names)}"
        )


def agreement(
    card: Mapping[str, Any],
    class_names: Sequence[str],
    keras: Sequence[np.ndarray],
    deployed: Sequence[np.ndarray],
) -> dict[str, ClassAgreement] | None:
    """How alike both models' images of the same noise are, as of `image_to_image`; None of a
    denoiser, whose output is noise."""
    if card["generation"]["steps"] is not None:
        return None
    return image_to_image.agreement(card, class_names, keras, deployed)


def card_lines(card: Mapping[str, Any]) -> list[str]:
    """How an image is made."""
    settings, (_, height, width, channels) = card["generation"], card["outputs"][0]["shape"]
    lines = [
        "## Generation",
        "",
        f"- An image of {height} × {width} × {channels} from {card['black']:g} (black) to "
        f"{card['white']:g} (white), out of `{settings['noise']}`: numbers of the standard normal "
        "distribution, which the runtime draws from a seed.",
    ]
    if settings["class"] is not None:
        lines.append(f"- `{settings['class']}` says of which class: 1 at its place, 0 elsewhere.")
    if settings["steps"] is not None:
        lines.append(
            f"- The model finds the noise in an image; it is asked {len(settings['steps'])} times "
            "(DDIM), or as often as `--steps` says."
        )
    if card.get("agreement"):
        lines.append(f"- Keras's and the deployed model's: {agreement_text(card['agreement'])}.")
    return [
        *lines,
        "- `python -m deploy.runtime generate . --seed 7 --count 16 --out sheet.png`",
        "",
    ]
