"""What the exercises are held against, computed another way than the solutions do.

SciPy, scikit-learn, an allocator that is simulated; and the arenas that LiteRT Micro needed.
"""

from collections.abc import Sequence
from typing import NamedTuple

import keras
import numpy as np
from keras import layers
from scipy.special import log_softmax, rel_entr
from scipy.stats import ortho_group
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

Examples = tuple[np.ndarray, np.ndarray]


def flat_cloud(deviations: Sequence[float], seed: int, examples: int = 400) -> np.ndarray:
    """Normal examples with these deviations along directions that are no axes, and a mean far from
    0: float32 (examples, features)."""
    generator = np.random.default_rng(seed)
    features = len(deviations)
    directions = ortho_group.rvs(features, random_state=seed)
    spread = generator.normal(size=(examples, features)) * deviations
    return (spread @ directions + generator.uniform(-5, 5, features)).astype(np.float32)


def divergence(codes: np.ndarray, share: float) -> float:
    """The sparsity penalty of activations (batch, units)."""
    q = np.clip(np.mean(codes, axis=0), 1e-6, 1 - 1e-6)
    return float(np.sum(rel_entr(share, q) + rel_entr(1 - share, 1 - q)))


def central_slope(codes: np.ndarray, share: float) -> np.ndarray:
    """The derivatives of `divergence` by each code, by central differences."""
    gradient, width = np.zeros(codes.shape), 1e-6
    for index in np.ndindex(codes.shape):
        step = np.zeros(codes.shape)
        step[index] = width
        gradient[index] = divergence(codes + step, share) - divergence(codes - step, share)
    return gradient / (2 * width)


def contrast(first: np.ndarray, second: np.ndarray, temperature: float) -> float:
    """NT-Xent of two views of each image (N, dimensions), a classification a view."""
    views = [
        row / np.sqrt(np.sum(row**2))
        for pair in zip(first, second, strict=True)
        for row in np.asarray(pair, float)
    ]
    losses = []
    for k, view in enumerate(views):
        # Views 2 n and 2 n + 1 are of the same image.
        others = [j for j in range(len(views)) if j != k]
        cosines = np.array([view @ views[j] for j in others])
        losses.append(-log_softmax(cosines / temperature)[others.index(k ^ 1)])
    return float(np.mean(losses))


def probe(
    train: Examples, validation: Examples, test: Examples, strengths: Sequence[float]
) -> tuple[float, float]:
    """The strength that scikit-learn's grid search finds on the validation codes, and the accuracy
    on the test codes of a classifier that knows the training codes alone."""
    pipeline = Pipeline(
        [("scale", StandardScaler()), ("classify", LogisticRegression(max_iter=1000))]
    )
    both = [np.concatenate(parts) for parts in zip(train, validation, strict=True)]
    fold = np.repeat([-1, 0], [len(train[0]), len(validation[0])])
    search = GridSearchCV(
        pipeline,
        {"classify__C": sorted(strengths)},
        cv=PredefinedSplit(fold),
        refit=False,
    ).fit(*both)
    chosen = search.cv_results_["params"][int(np.argmin(search.cv_results_["rank_test_score"]))]
    pipeline.set_params(**chosen).fit(*train)
    return chosen["classify__C"], float(np.mean(pipeline.predict(test[0]) == test[1]))


def codes_of_two_classes(
    examples: int, share: float, distance: float, generator: np.random.Generator
) -> Examples:
    """Codes of 13 numbers, the first of which tells the classes apart; `share` are of class 1."""
    classes = (generator.random(examples) < share).astype(np.int64)
    codes = generator.normal(size=(examples, 13))
    codes[:, 0] += distance * (2 * classes - 1)
    return codes, classes


def allowed_scores(scores: np.ndarray, percent: int) -> float:
    """The smallest score that no more than `percent` of the scores exceed, counted in integers."""
    fitting = [t for t in scores.tolist() if 100 * int(np.sum(scores > t)) <= percent * len(scores)]
    return float(min(fitting))


def allocated(shapes: Sequence[tuple[int, ...]], in_place: Sequence[bool]) -> int:
    """The most memory that a chain needs, by going through it with a table of what is held."""
    held = {0: _rounded(shapes[0])}
    most = held[0]
    for layer, overwrites in enumerate(in_place, start=1):
        if overwrites:
            held[layer] = max(held.pop(layer - 1), _rounded(shapes[layer]))
        else:
            held[layer] = _rounded(shapes[layer])
        most = max(most, sum(held.values()))
        held.pop(layer - 1, None)
    return most


def _rounded(shape: tuple[int, ...]) -> int:
    size = 1
    for side in shape:
        size *= side
    return size + (-size) % 16


class Chain(NamedTuple):
    """One network for two sizes of its input, and what LiteRT Micro needed for each.

    `tests/courses/s09_representation_learning` measures the arenas again.
    """

    layers: tuple[tuple, ...]  # ("dense", units), ("conv", filters, kernel, strides), ("flatten",)
    inputs: tuple[tuple[int, ...], tuple[int, ...]]
    arenas: tuple[int, int]  # bytes, in int8, tflite-micro 0.dev20261023182759

    def network(self, size: int) -> keras.Model:
        """The network for the smaller input, 0, or for the larger one, 1."""
        inputs = x = keras.Input(self.inputs[size])
        for kind, *numbers in self.layers:
            if kind == "dense":
                x = layers.Dense(*numbers, activation="relu")(x)
            elif kind == "conv":
                x = layers.Conv2D(*numbers, padding="same", activation="relu")(x)
            else:
                x = layers.Flatten()(x)
        return keras.Model(inputs, x)

    def shapes(self, size: int) -> list[tuple[int, ...]]:
        """Of the input and of each layer's output, without the batch."""
        return [tuple(layer.output.shape[1:]) for layer in self.network(size).layers]


CHAINS = {
    "dense layers of 128, 128 and 8": Chain(
        (("dense", 128), ("dense", 128), ("dense", 8)), ((640,), (2400,)), (4288, 6048)
    ),
    "dense layers of 40 and 20": Chain(
        (("dense", 40), ("dense", 20)), ((300,), (3000,)), (2016, 4720)
    ),
    "convolutions of 8 and 12 and a dense layer of 10": Chain(
        (("conv", 8, 3, 1), ("conv", 12, 3, 2), ("flatten",), ("dense", 10)),
        ((20, 20, 1), (32, 32, 1)),
        (6256, 13_120),
    ),
    "a convolution of 8 and a dense layer of 4": Chain(
        (("conv", 8, 3, 1), ("flatten",), ("dense", 4)),
        ((8, 8, 1), (20, 20, 1)),
        (2480, 7856),
    ),
}
