"""Anomalies: whether an example is normal, by how much not, and where.

An autoencoder that has learned normal examples alone gives others back badly: the score is the mean
squared error of its output against its input, in the input's units squared, and the errors say
where. Any other model gives the score itself, one number. What exceeds the threshold is anomalous.

Source: Koizumi et al., "Description and Discussion on DCASE2020 Challenge Task 2: Unsupervised
Anomalous Sound Detection for Machine Condition Monitoring", 2020, section 3 (the score, and its
mean over the windows of a recording).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from deploy.runtime.checks import is_number, is_whole
from deploy.runtime.draw.drawing import draw_caption, draw_heat_map
from deploy.runtime.errors import DeployError
from deploy.runtime.tasks.checks import wrong_model
from deploy.runtime.tasks.events import Event
from deploy.runtime.text import class_name, percent

if TYPE_CHECKING:
    from PIL.Image import Image

HAS_SCORES = False

SCORES = ("reconstruction", "output")

# Of a stream: how far one example lies behind the other (rows, of sounds seconds), the score from
# which an example counts, how many (`needed`) of how many (`window`) examples have to for an alarm
# to begin, and the part of the threshold below which it ends.
STREAM: dict[str, Any] = {"hop": 1, "threshold": None, "needed": 3, "window": 5, "release": 0.8}

# As many channels are named.
_NAMED = 3


def check(card: Mapping[str, Any]) -> None:
    """Whether the outputs are what the card's score is made of, and its numbers can be.

    Raises:
        DeployError: they are not.
    """
    settings = card.get("anomaly")
    if not isinstance(settings, Mapping) or settings.get("score") not in SCORES:
        raise wrong_model(card["task"], f"the score {' or '.join(SCORES)}", [settings])
    ends = [[tuple(entry["shape"][1:]) for entry in card[key]] for key in ("inputs", "outputs")]
    given = [] if settings["score"] == "reconstruction" else [(1,)]
    if len(ends[0]) != 1 or ends[1] != (given or ends[0]):
        what = "an output of the input's shape" if not given else "one input, and one number"
        raise wrong_model(card["task"], what, ends)
    check_threshold(settings.get("threshold"), settings["score"])
    if not is_whole(card.get("windows"), 1):
        raise DeployError(
            "expected windows 1 row or more apart, a whole number, received "
            f"{card.get('windows')!r}"
        )
    if card.get("stream") is not None:
        check_stream(card["stream"])


def check_threshold(threshold: Any, score: str) -> None:
    """Whether this is a threshold of such scores, or None.

    Raises:
        DeployError: it is not.
    """
    least = 0 if score == "reconstruction" else -np.inf
    if threshold is not None and not (is_number(threshold) and threshold > least):
        above = "" if score == "output" else " above 0"
        raise DeployError(f"expected a number{above} for the threshold, received {threshold!r}")


def check_stream(settings: Any) -> None:
    """Whether these are parameters of a stream: each of `STREAM`, and no others.

    Raises:
        DeployError: they are not.
    """
    if not isinstance(settings, Mapping) or set(settings) != set(STREAM):
        received = sorted(settings) if isinstance(settings, Mapping) else settings
        raise DeployError(f"expected a stream with {', '.join(STREAM)}, received {received!r}")
    if not is_number(settings["hop"]) or settings["hop"] <= 0:
        raise DeployError(f"expected a stream with a hop above 0, received {settings['hop']!r}")
    needed, window = settings["needed"], settings["window"]
    if not is_whole(needed, 1) or not is_whole(window, 1) or needed > window:
        raise DeployError(
            "expected a stream in which needed of window examples make an alarm, 1 or more, "
            f"received {needed!r} of {window!r}"
        )
    threshold, release = settings["threshold"], settings["release"]
    if not is_number(threshold) or threshold <= 0:
        raise DeployError(
            f"expected a stream's threshold above 0, received {threshold!r}; "
            "deploy.anomaly_threshold finds one"
        )
    if not is_number(release) or not 0 < release <= 1:
        raise DeployError(
            "expected a stream's release above 0 and up to 1, a part of the threshold, received "
            f"{release!r}"
        )


def class_names(card: Mapping[str, Any], labels: Sequence[str]) -> list[str]:
    """There are no classes."""
    return []


def judge(
    card: Mapping[str, Any], inputs: Sequence[np.ndarray], outputs: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """Of what the mean is the score: the squared errors of a reconstruction, (examples, …) as the
    input; or the score itself, (examples, 1)."""
    if card["anomaly"]["score"] == "output":
        return [np.asarray(outputs[0]).reshape(-1, 1)]
    return [np.square(np.asarray(outputs[0], np.float32) - np.asarray(inputs[0], np.float32))]


def scores(judged: np.ndarray) -> np.ndarray:
    """The score of each example, float64 (examples,), from what `judge` gives."""
    return judged.reshape(len(judged), -1).mean(axis=1, dtype=np.float64)


def predict(
    card: Mapping[str, Any],
    outputs: Sequence[np.ndarray],
    labels: Sequence[str],
    image_size: tuple[int, int],
    score_threshold: float | None = None,
) -> dict[str, Any]:
    """Whether the example is anomalous.

    Returns:
        `anomalous`, None without a threshold; `score`; `threshold`; `ratio`, score over threshold,
        None without one above zero; `errors`, the squared error of each value, float32 of the
        input's shape, and `channels`, those with the largest part of it, pairs of a name (a number
        where it has none) and that part: both None where the model gives the score itself,
        `channels` also of an image.
    """
    settings = card["anomaly"]
    score, threshold = float(scores(outputs[0][None])[0]), settings.get("threshold")
    found: dict[str, Any] = {
        "anomalous": None if threshold is None else score > threshold,
        "score": score,
        "threshold": threshold,
        "ratio": score / threshold if threshold is not None and threshold > 0 else None,
        "errors": None,
        "channels": None,
    }
    if settings["score"] == "output":
        return found
    entry = card["inputs"][0]
    front_end = entry.get("front_end", {})
    found["errors"] = outputs[0]
    if front_end.get("kind") != "image":
        found["channels"] = _worst(outputs[0], entry["shape"][1:], front_end.get("columns", ()))
    return found


def to_text(prediction: Mapping[str, Any], classes: Sequence[str]) -> str:
    """Normal or not, by how much, and where."""
    score, threshold = prediction["score"], prediction["threshold"]
    if threshold is None:
        text = f"score {score:.4g}, without a threshold"
    else:
        verdict = "anomalous" if prediction["anomalous"] else "normal"
        text = f"{verdict}, score {_over(prediction)}"
    channels = prediction["channels"]
    return f"{text}; most in {_listed(channels)}" if channels else text


def draw(image: Image, prediction: Mapping[str, Any], classes: Sequence[str]) -> Image:
    """The image with its errors as a heat map, as strong as its score is near the threshold."""
    anomalous, errors = prediction["anomalous"], prediction["errors"]
    title = {True: "anomalous", False: "normal", None: "score"}[anomalous]
    beneath = f"score {_over(prediction)}"
    if errors is None:
        return draw_caption(image, title, beneath)
    heat = errors.mean(axis=-1)
    strength = 1.0 if prediction["ratio"] is None else min(1.0, prediction["ratio"])
    heat = strength * heat / max(float(heat.max()), 1e-30)
    return draw_caption(draw_heat_map(image, heat), title, beneath)


def events(
    settings: Mapping[str, Any],
    predictions: Iterable[tuple[float, Mapping[str, Any]]],
    classes: Sequence[str],
) -> Iterator[Event]:
    """Alarms as they begin, where `needed` of the last `window` examples score more than the
    threshold, and as they end, where one scores less than `release` times that."""
    threshold = settings["threshold"]
    above = deque[bool](maxlen=settings["window"])
    largest = None
    for time, received in predictions:
        score = received["score"]
        prediction = {
            **received,
            "anomalous": score > threshold,
            "threshold": threshold,
            "ratio": score / threshold,
        }
        if largest is None:
            above.append(score > threshold)
            if sum(above) >= settings["needed"]:
                largest = score
                channels = prediction["channels"]
                where = f"; most in {_listed(channels)}" if channels else ""
                yield Event(time, f"alarm begins, score {_over(prediction)}{where}", prediction)
        elif score < settings["release"] * threshold:
            yield Event(
                time,
                f"alarm ends, largest score {largest:.4g}, now {_over(prediction)}",
                prediction,
            )
            largest = None
            above.clear()
        else:
            largest = max(largest, score)


def _worst(
    errors: np.ndarray, shape: Sequence[int], names: Sequence[str]
) -> list[tuple[str, float]]:
    # Of rows of channels, frames of bins say, the channel counts; a last axis of one is none.
    channels = shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape
    sums = errors.reshape(-1, channels[-1]).sum(axis=0, dtype=np.float64)
    order = np.argsort(-sums, kind="stable")[:_NAMED]
    total = max(float(sums.sum()), 1e-30)
    return [(class_name(names, int(index)), float(sums[index]) / total) for index in order]


def _over(prediction: Mapping[str, Any]) -> str:
    score, ratio, threshold = (prediction[key] for key in ("score", "ratio", "threshold"))
    if ratio is not None:
        return f"{score:.4g}, {ratio:.2f} times the threshold"
    return f"{score:.4g}" if threshold is None else f"{score:.4g}, threshold {threshold:.4g}"


def _listed(channels: Sequence[tuple[str, float]]) -> str:
    return ", ".join(f"{name} ({percent(part)})" for name, part in channels)
