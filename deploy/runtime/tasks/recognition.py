"""Recognition: an image is who its embedding is nearest to among those that the device was shown.

The model gives an embedding, and is trained no more. `enrol` shows it a name's images, one is
enough; the mean of their embeddings, the name's prototype, goes into the bundle's store.

Source: Snell, Swersky & Zemel, "Prototypical Networks for Few-shot Learning", NIPS 2017, eq. 1.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from deploy.runtime.card import without_state
from deploy.runtime.checks import is_number
from deploy.runtime.draw.drawing import draw_caption
from deploy.runtime.errors import DeployError
from deploy.runtime.store import UNKNOWN, Owner, Prototype, check_name, read_store, update_store
from deploy.runtime.tasks.checks import wrong_model

if TYPE_CHECKING:
    from PIL.Image import Image

    from deploy.runtime.model import Model

# Of distances there are thresholds, which `recognise` takes.
HAS_SCORES = False

# The outputs tell it alone.
judge = None

# A stream of them is not reported.
events = None

DISTANCES = ("cosine", "euclidean")


def check(card: Mapping[str, Any]) -> None:
    """Whether the model gives one embedding, and the card says how embeddings are compared.

    Raises:
        DeployError: it does not.
    """
    shapes = [tuple(entry["shape"]) for entry in card["outputs"]]
    if len(shapes) != 1 or len(shapes[0]) != 2:
        raise wrong_model(card["task"], "one embedding (1, D)", shapes)
    settings = card.get("recognition")
    if not isinstance(settings, dict) or settings.get("distance") not in DISTANCES:
        raise wrong_model(card["task"], f"the distance {' or '.join(DISTANCES)}", [settings])
    if settings.get("threshold") is not None:
        check_threshold(settings["threshold"])


def check_threshold(threshold: Any) -> None:
    """Whether this is a distance.

    Raises:
        DeployError: it is not.
    """
    if not is_number(threshold) or threshold < 0:
        raise DeployError(
            f"expected a distance of 0 or more for the threshold, received {threshold!r}"
        )


def class_names(card: Mapping[str, Any], labels: Sequence[str]) -> list[str]:
    """The model knows no classes; who is enrolled stands in the store."""
    return []


def predict(
    card: Mapping[str, Any],
    outputs: Sequence[np.ndarray],
    labels: Sequence[str],
    image_size: tuple[int, int],
    score_threshold: float | None = None,
) -> dict[str, Any]:
    """Who is nearest.

    Returns:
        `name`, None beyond the card's threshold; `nearest`, the name of the nearest prototype;
        `distance` to it; `embedding`, float32 (D,), as the model gives it. Of a model that is in
        no bundle only the embedding; the rest is None.

    Raises:
        DeployError: nobody is enrolled, or the store is damaged or another model's.
    """
    nobody = {"name": None, "nearest": None, "distance": None, "embedding": outputs[0]}
    if card.get("folder") is None:
        return nobody
    store = read_store(card["folder"], _owner(card))
    if not store:
        raise DeployError(
            f"expected somebody enrolled in the bundle '{card['folder']}', received an empty "
            "store; enrol first: python -m deploy.runtime enrol BUNDLE NAME image…"
        )
    means = np.stack([prototype.mean for prototype in store.values()])
    measured = distances(outputs[0], means, card["recognition"]["distance"])
    index = int(np.argmin(measured))
    found = {"nearest": list(store)[index], "distance": float(measured[index])}
    return _named(nobody | found, card["recognition"].get("threshold"))


def to_text(prediction: Mapping[str, Any], classes: Sequence[str]) -> str:
    """The name and how far it is."""
    if prediction["nearest"] is None:
        return np.array2string(prediction["embedding"], precision=4, threshold=12)
    if prediction["name"] is None:
        return f"{UNKNOWN} (distance {prediction['distance']:.3f} to {prediction['nearest']})"
    return f"{prediction['name']} (distance {prediction['distance']:.3f})"


def draw(image: Image, prediction: Mapping[str, Any], classes: Sequence[str]) -> Image:
    """The image with the name beneath it."""
    name, nearest = prediction["name"], prediction["nearest"]
    beneath = f"distance {prediction['distance']:.3f}" + ("" if name else f" to {nearest}")
    return draw_caption(image, name or UNKNOWN, beneath)


def enrol(model: Model, name: str, examples: Iterable[Any]) -> int:
    """Show the model who `name` is; images of a name that is there already are added to it.

    Args:
        model: of a bundle, as `runtime.load` opens it.
        name: 1 to 64 printable characters.
        examples: one or more, each as `Model.predict` takes it: the path of an image, say.

    Returns:
        Of how many images the name's prototype is the mean now.

    Raises:
        DeployError: a model that is no recogniser or in no bundle, a name that can't be, no image
            or one that can't be read, or a store that can't be read or written, which stays as it
            was then.
    """
    card, known = _card(model), check_name(name)
    if isinstance(examples, str):
        raise DeployError(f"expected a list of images, received '{examples}'; put it into a list")
    embeddings = [model.outputs(example)[0] for example in examples]
    if not embeddings:
        raise DeployError(f"expected at least one image of '{known}', received none")
    shown = comparable(np.concatenate(embeddings), card["recognition"]["distance"])
    count = 0

    def add(prototypes: dict[str, Prototype]) -> None:
        nonlocal count
        earlier, mean = prototypes.get(known, (0, 0.0))
        count = earlier + len(shown)
        prototypes[known] = Prototype(count, (earlier * mean + shown.sum(axis=0)) / count)

    update_store(card["folder"], _owner(card), add)
    return count


def forget(model: Model, name: str) -> None:
    """Take `name` out of the store.

    Raises:
        DeployError: as `enrol`, or nobody of that name.
    """
    card, known = _card(model), check_name(name)

    def remove(prototypes: dict[str, Prototype]) -> None:
        if known not in prototypes:
            raise DeployError(
                f"expected one of the enrolled names ({_listed(prototypes)}), received '{known}'"
            )
        del prototypes[known]

    update_store(card["folder"], _owner(card), remove)


def enrolled(model: Model) -> dict[str, int]:
    """Of how many images each name of the store has its prototype.

    Raises:
        DeployError: as `enrol`.
    """
    card = _card(model)
    store = read_store(card["folder"], _owner(card))
    return {name: prototype.images for name, prototype in store.items()}


def recognise(model: Model, example: Any, threshold: float | None = None) -> Any:
    """`Model.predict` with a threshold of one's own.

    Args:
        model: of a bundle.
        example: as `Model.predict` takes it.
        threshold: the largest distance of a name; None: the card's.

    Raises:
        DeployError: as `predict`; a model that is no recogniser; a threshold that is no distance.
    """
    _card(model)
    if threshold is not None:
        check_threshold(threshold)
    found = model.predict(example)
    if threshold is None:
        return found
    return (
        [_named(each, threshold) for each in found]
        if isinstance(found, list)
        else _named(found, threshold)
    )


def comparable(embeddings: np.ndarray, distance: str) -> np.ndarray:
    """The embeddings (…, D) in float64, for the cosine of length 1: the model itself leaves them
    as they are, as integers lose what a division in the graph would need."""
    embeddings = np.asarray(embeddings, np.float64)
    if distance != "cosine":
        return embeddings
    lengths = np.linalg.norm(embeddings, axis=-1, keepdims=True)
    return embeddings / np.maximum(lengths, 1e-12)


def distances(embeddings: np.ndarray, prototypes: np.ndarray, distance: str) -> np.ndarray:
    """How far embeddings (…, D) are from prototypes (N, D): (…, N), 1 − cosine or Euclidean."""
    one, other = comparable(embeddings, distance), comparable(prototypes, distance)
    if distance == "cosine":
        # Rounding may leave a cosine a trifle above 1.
        return np.maximum(1 - one @ other.T, 0)
    return np.linalg.norm(one[..., None, :] - other, axis=-1)


def _card(model: Model) -> Mapping[str, Any]:
    card = without_state(model.card)
    if card["task"] != "recognition" or model.folder is None:
        raise DeployError(
            "expected the bundle of a model for recognition, received a model for "
            f"{card['task']}; export it with task recognition"
        )
    return card | {"folder": model.folder}


def _owner(card: Mapping[str, Any]) -> Owner:
    dimension = card["outputs"][0]["shape"][-1]
    return Owner(card["sha256"], card["recognition"]["distance"], dimension)


def _named(prediction: Mapping[str, Any], threshold: float | None) -> dict[str, Any]:
    near = threshold is None or prediction["distance"] <= threshold
    return {**prediction, "name": prediction["nearest"] if near else None}


def _listed(names: Collection[str]) -> str:
    shown = ", ".join(list(names)[:8]) or "nobody yet"
    return f"{shown}, …" if len(names) > 8 else shown
