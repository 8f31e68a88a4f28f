"""Recognition: an encoder of classes that it was not trained on; measured on episodes.

An episode takes some classes and a few images of each, as a device is shown them, and asks of other
images which of the classes they are. Source: Lake, Salakhutdinov & Tenenbaum, "Human-level concept
learning through probabilistic program induction", Science 350, 2015 (20-way one-shot).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from deploy.runtime.errors import DeployError
from deploy.runtime.tasks.recognition import DISTANCES, check_threshold, comparable, distances
from deploy.tasks.classification import as_array

if TYPE_CHECKING:
    import keras

    from deploy.load.source import Source

# What the user may say of the task, and what holds where nothing is said.
_DEFAULTS: dict[str, Any] = {
    "distance": "cosine",
    "threshold": None,
    "threshold_from": None,
    "ways": 20,
    "shots": 1,
    "queries": 5,
    "episodes": 1000,
    "seed": 0,
}
# The least that each whole number can be.
_LEAST = {"ways": 2, "shots": 1, "queries": 1, "episodes": 1, "seed": 0}


def infer(
    source: Source,
    outputs: Sequence[np.ndarray],
    class_names: Sequence[str],
    settings: Mapping[str, Any] | None,
) -> dict[str, Any] | None:
    """The card's `recognition`: the settings, and whether the model's embeddings have length 1
    already; and the name of the `metric`. None where nobody asks: an encoder's outputs are any
    numbers.

    Raises:
        DeployError: a model of anything but one embedding, class names, or a setting that can't be.
    """
    if settings is None:
        return None
    if len(outputs) != 1 or outputs[0].ndim != 2 or outputs[0].shape[1] < 2:
        raise DeployError(
            "expected one embedding of shape (batch, D) for the task recognition, received outputs "
            f"of shapes {[output.shape for output in outputs]}; cut the model off there"
        )
    if class_names:
        raise DeployError(
            f"expected no class names for the task recognition, received {len(class_names)}; the "
            "device learns them: leave them out"
        )
    told = _check({**_DEFAULTS, **settings})
    lengths = np.linalg.norm(outputs[0], axis=-1)
    told["unit_length"] = bool(np.allclose(lengths, 1, atol=1e-3))
    name = f"{told['ways']}-way {told['shots']}-shot accuracy"
    return {"activation": None, "recognition": told, "metric": name}


def episode_accuracy(
    card: Mapping[str, Any], ground_truth: Any, outputs: Sequence[np.ndarray]
) -> float:
    """The fraction of the queries whose nearest prototype is that of their class, over episodes.

    Args:
        card: its `recognition`.
        ground_truth: (examples,) class ids, numbers or texts.
        outputs: the embeddings, (examples, D).

    Raises:
        DeployError: ground truth of another length or shape, or too few classes with enough images.
    """
    told, embeddings = card["recognition"], outputs[0]
    classes = _by_class(ground_truth, len(embeddings))
    # Compared once, not once an episode.
    embeddings = comparable(embeddings, told["distance"])
    right = [
        _distances(embeddings, shown, asked, told["distance"]).argmin(axis=-1)
        == np.arange(told["ways"])[:, None]
        for shown, asked in _episodes(classes, told, told["ways"])
    ]
    return float(np.mean(right))


metric = episode_accuracy
further_metrics = None


def agreement(
    card: Mapping[str, Any],
    class_names: Sequence[str],
    keras: Sequence[np.ndarray],
    deployed: Sequence[np.ndarray],
) -> None:
    """There are no classes before the device learns some; the parity tells how far the embeddings
    are apart."""


def card_lines(card: Mapping[str, Any]) -> list[str]:
    """How embeddings are compared, where the threshold comes from, and how it is measured."""
    told, output = card["recognition"], card["outputs"][0]
    compared = "the Euclidean distance"
    if told["distance"] == "cosine":
        compared = "1 − cosine; the runtime divides by the Euclidean norm, the integers do not"
    threshold = "none, so that everything gets the nearest name"
    if told["threshold"] is not None:
        threshold = f"{told['threshold']:.4g} ({told['threshold_from'] or 'as the user gave it'})"
    lines = [
        "## Recognition",
        "",
        f"- `{output['name']}` is an embedding of {output['shape'][-1]} numbers, compared by "
        f"{compared}.",
        f"- Largest distance of a name: {threshold}.",
        f"- Measured on {told['episodes']:,} episodes of {told['ways']} classes, of each "
        f"{_images(told['shots'])} shown and {told['queries']} asked for, seed {told['seed']}.",
        "- `python -m deploy.runtime enrol . NAME image…`, `recognise . image…`, `forget . NAME`; "
        "what was shown stands in `store.json`.",
    ]
    if told["unit_length"]:
        lines.append(
            "- The model ends in a normalisation of its own, which costs accuracy in integers and "
            "which the runtime makes anyway: cut it off with keras.Model before the export."
        )
    return [*lines, ""]


class Threshold(NamedTuple):
    """What `recognition_threshold` found; `task` has what the `task` of `export` takes of it.

    Attributes:
        threshold: the largest distance at which a name is given.
        false_accept: how many images of classes that nobody enrolled get a name, 0 to 1.
        false_reject: how many images of enrolled classes get none, 0 to 1.
        classes: how many held-out classes it was measured on.
        task: `threshold` and `threshold_from`.
    """

    threshold: float
    false_accept: float
    false_reject: float
    classes: int
    task: dict[str, Any]


def recognition_threshold(
    model: keras.Model | str | Path,
    x: Any,
    y: Any,
    *,
    false_accept: float = 0.01,
    task: Mapping[str, Any] | None = None,
    trust: bool = False,
) -> Threshold:
    """The largest distance at which a device should give a name, measured on held-out classes.

    In each episode `ways` classes are enrolled with `shots` images each, and as many others are
    not. The threshold is the one at which `false_accept` of the others' images are taken for
    somebody. More names in the store make that more likely: measure with as many as there will be.

    Args:
        model: the encoder, as `export` takes it.
        x: (examples, …) images in the model's units, of classes that training has not seen; use
            others for `export`'s test.
        y: (examples,) class ids.
        false_accept: the rate that is aimed at, above 0 and below 1.
        task: the settings of the task recognition.
        trust: run the code that the model's file holds (of Lambda layers, say).

    Raises:
        DeployError: a model that can't be loaded or gives no embedding, examples that don't fit it,
            a rate that is none, or too few classes with enough images.
    """
    from deploy.load.inputs import as_inputs
    from deploy.load.readers import load

    if not 0 < false_accept < 1:
        raise DeployError(f"expected a rate above 0 and below 1, received {false_accept!r}")
    settings = {key: value for key, value in (task or {}).items() if key != "task"}
    source = load(model, trust)
    outputs = source.predict(as_inputs(x, source, "held-out"))
    told = (infer(source, outputs, (), settings) or {})["recognition"]
    classes, embeddings = _by_class(y, len(outputs[0])), comparable(outputs[0], told["distance"])
    ours, others = [], []
    for shown, asked in _episodes(classes, told, 2 * told["ways"]):
        enrolled = shown[: told["ways"]]
        least = _distances(embeddings, enrolled, asked, told["distance"]).min(axis=-1)
        ours.append(least[: told["ways"]])
        others.append(least[told["ways"] :])
    strangers = np.sort(np.concatenate(others, axis=None))
    # Just below the first stranger that must not get a name.
    first = strangers[int(false_accept * strangers.size)]
    threshold = max(0.0, float(np.nextafter(first, -np.inf)))
    accepted = float(np.mean(strangers <= threshold))
    rejected = float(np.mean(np.concatenate(ours, axis=None) > threshold))
    text = (
        f"{100 * accepted:.2g} % of strangers' images get a name and {100 * rejected:.2g} % of the "
        f"others get none, with {told['ways']} names of {_images(told['shots'])}, measured on "
        f"{len(classes)} held-out classes"
    )
    settings = {"threshold": threshold, "threshold_from": text}
    return Threshold(threshold, accepted, rejected, len(classes), settings)


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count} images"


def _check(told: dict[str, Any]) -> dict[str, Any]:
    unknown = sorted(set(told) - set(_DEFAULTS))
    if unknown:
        raise DeployError(
            f"expected of the task recognition {', '.join(_DEFAULTS)}, received '{unknown[0]}'"
        )
    if told["distance"] not in DISTANCES:
        raise DeployError(
            f"expected the distance {' or '.join(DISTANCES)}, received {told['distance']!r}"
        )
    if told["threshold"] is not None:
        check_threshold(told["threshold"])
    if not isinstance(told["threshold_from"], str | None):
        raise DeployError(
            "expected a text that says where the threshold comes from, received "
            f"{told['threshold_from']!r}"
        )
    for key, least in _LEAST.items():
        if type(told[key]) is not int or told[key] < least:
            raise DeployError(
                f"expected {key} of {least} or more, a whole number, received {told[key]!r}"
            )
    return told


def _by_class(ground_truth: Any, examples: int) -> list[np.ndarray]:
    """The positions of the examples of each class."""
    targets = as_array(ground_truth, examples)
    if targets.ndim == 2 and targets.shape[1] == 1:
        targets = targets[:, 0]
    if targets.ndim != 1 or targets.dtype.kind not in "iubUS":
        raise DeployError(
            "expected a class id y, a whole number or a text, for each example, received "
            f"{targets.dtype} of shape {targets.shape}"
        )
    _, numbers = np.unique(targets, return_inverse=True)
    order = np.argsort(numbers, kind="stable")
    return np.split(order, np.cumsum(np.bincount(numbers))[:-1])


def _episodes(
    classes: Sequence[np.ndarray], told: Mapping[str, Any], ways: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Of each episode the positions of the examples that are shown, (ways, shots), and of those
    that are asked for, (ways, queries); none twice.

    Raises:
        DeployError: too few classes with enough images.
    """
    each = told["shots"] + told["queries"]
    usable = [members for members in classes if len(members) >= each]
    if len(usable) < ways:
        raise DeployError(
            f"expected {ways} classes of at least {each} images, received {len(usable)} of "
            f"{len(classes)}; give more, or fewer ways, shots or queries"
        )
    generator = np.random.default_rng(told["seed"])
    for _ in range(told["episodes"]):
        chosen = generator.choice(len(usable), ways, replace=False)
        drawn = [generator.choice(usable[index], each, replace=False) for index in chosen]
        shown, asked = np.split(np.stack(drawn), [told["shots"]], axis=1)
        yield shown, asked


def _distances(
    embeddings: np.ndarray, shown: np.ndarray, asked: np.ndarray, distance: str
) -> np.ndarray:
    """How far those asked for, positions (classes, queries), are from the prototypes of those that
    are shown, positions (ways, shots): (classes, queries, ways)."""
    return distances(embeddings[asked], embeddings[shown].mean(axis=1), distance)
