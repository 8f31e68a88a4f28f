"""Classification: one class for each example, with its probability."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from deploy.runtime.checks import is_number, is_whole
from deploy.runtime.draw.drawing import draw_classification
from deploy.runtime.errors import DeployError
from deploy.runtime.tasks.checks import wrong_model
from deploy.runtime.tasks.events import Event
from deploy.runtime.text import class_name, percent

if TYPE_CHECKING:
    from PIL.Image import Image

HAS_SCORES = False

# The outputs tell it alone.
judge = None

# Of a stream: seconds from one window to the next, over how many of them probabilities are
# averaged, the least that is reported, seconds without a report after one, and the classes that are
# never reported.
STREAM: dict[str, Any] = {
    "hop": 0.1,
    "smoothing": 3,
    "threshold": 0.8,
    "refractory": 0.6,
    "background": [],
}


def check(card: Mapping[str, Any]) -> None:
    """Whether the card says what the model ends in and, if it can be streamed, how.

    Raises:
        DeployError: it does not.
    """
    if card.get("stream") is not None:
        check_stream(card["stream"])
    if card.get("activation") not in ("softmax", "sigmoid", "linear"):
        raise wrong_model(
            card["task"], "the activation softmax, sigmoid or linear", [card.get("activation")]
        )


def class_names(card: Mapping[str, Any], labels: Sequence[str]) -> list[str]:
    """The names of all classes, their numbers where they have none; a single unit tells two."""
    classes = max(2, card["outputs"][0]["shape"][-1])
    return [class_name(labels, index) for index in range(classes)]


def predict(
    card: Mapping[str, Any],
    outputs: Sequence[np.ndarray],
    labels: Sequence[str],
    image_size: tuple[int, int],
    score_threshold: float | None = None,
) -> dict[str, Any]:
    """The class with the highest probability.

    Returns:
        `label`, its name (its index as text where it has none); `index`; `probabilities`,
        float32 (classes,).
    """
    probabilities = to_probabilities(outputs[0], card["activation"])
    index = int(probabilities.argmax())
    return {"label": class_name(labels, index), "index": index, "probabilities": probabilities}


def check_stream(settings: Any) -> None:
    """Whether these are parameters of a stream: each of `STREAM`, and no others.

    Raises:
        DeployError: they are not.
    """
    if not isinstance(settings, Mapping) or set(settings) != set(STREAM):
        received = sorted(settings) if isinstance(settings, Mapping) else settings
        raise DeployError(f"expected a stream with {', '.join(STREAM)}, received {received!r}")
    hop, smoothing = settings["hop"], settings["smoothing"]
    threshold, refractory = settings["threshold"], settings["refractory"]
    if not is_number(hop) or hop <= 0 or not is_number(refractory) or refractory < 0:
        raise DeployError(
            "expected a stream with a hop above 0 and a refractory time of 0 or more in seconds, "
            f"received {hop!r} and {refractory!r}"
        )
    if not is_whole(smoothing, 1):
        raise DeployError(
            f"expected a stream's smoothing over 1 window or more, received {smoothing!r}"
        )
    if not is_number(threshold) or not 0 <= threshold <= 1:
        raise DeployError(f"expected a stream's threshold from 0 to 1, received {threshold!r}")
    background = settings["background"]
    if not isinstance(background, list) or not all(isinstance(name, str) for name in background):
        raise DeployError(
            f"expected a list of class names as a stream's background, received {background!r}"
        )


def check_background(background: Iterable[str], classes: Sequence[str]) -> None:
    """Whether these are classes.

    Raises:
        DeployError: one is none.
    """
    for name in background:
        if name not in classes:
            raise DeployError(
                f"expected a stream's background of the classes {', '.join(classes)}, received "
                f"'{name}'"
            )


def events(
    settings: Mapping[str, Any],
    predictions: Iterable[tuple[float, Mapping[str, Any]]],
    classes: Sequence[str],
) -> Iterator[Event]:
    """The classes as they come up: where the mean of the last `smoothing` windows' probabilities is
    highest for a class that is no background, and at least `threshold`. A class is reported once
    for as long as it stays there, and nothing within `refractory` seconds of a report.

    Source: Chen, Parada & Heigold, "Small-footprint keyword spotting using deep neural networks",
    ICASSP 2014, section 2.3.
    """
    check_background(settings["background"], classes)
    last = deque[np.ndarray](maxlen=settings["smoothing"])
    reported, quiet_until = None, -np.inf
    for time, prediction in predictions:
        last.append(prediction["probabilities"])
        probabilities = np.mean(last, axis=0)
        index = int(np.argmax(probabilities))
        heard = classes[index] not in settings["background"]
        if not heard or probabilities[index] < settings["threshold"]:
            reported = None
        elif index != reported and time >= quiet_until:
            reported, quiet_until = index, time + settings["refractory"]
            label = class_name(classes, index)
            text = f"{label} ({100 * probabilities[index]:.0f} %)"
            yield Event(
                time, text, {"label": label, "index": index, "probabilities": probabilities}
            )


def to_text(prediction: Mapping[str, Any], classes: Sequence[str]) -> str:
    """The class and its probability."""
    probability = prediction["probabilities"][prediction["index"]]
    return f"{prediction['label']} ({percent(probability)})"


def draw(image: Image, prediction: Mapping[str, Any], classes: Sequence[str]) -> Image:
    """The image with the three most probable classes as bars beneath it."""
    return draw_classification(image, prediction["probabilities"], classes)


def to_probabilities(output: np.ndarray, activation: str) -> np.ndarray:
    """Class probabilities from a classifier's output (…, classes), or (…, 1) for two classes.

    `activation` is what the model itself ends in: "softmax" and "sigmoid" give probabilities
    already, "linear" gives logits, to which the softmax (one unit: the sigmoid) is applied here.
    """
    if output.shape[-1] == 1:
        if activation == "linear":
            output = 1.0 / (1.0 + np.exp(-output))
        return np.concatenate([1.0 - output, output], axis=-1)
    if activation != "linear":
        return output
    exponents = np.exp(output - output.max(axis=-1, keepdims=True))
    return exponents / exponents.sum(axis=-1, keepdims=True)
