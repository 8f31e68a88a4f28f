"""What a representation is worth: ways to learn one without labels, and two ways to ask it."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from thinkkeras import models
from thinkkeras.losses import NTXent
from thinkkeras.optimizers import adamw
from thinkkeras.regularizers import Sparsity

Encode = Callable[[np.ndarray], np.ndarray]
Examples = tuple[np.ndarray, np.ndarray]


class Recipe(NamedTuple):
    """What a set of images asks for."""

    code: int  # numbers of the code
    epochs: int
    batch_size: int
    filters: tuple[int, ...]  # of the convolutional autoencoder
    contrastive_filters: tuple[int | tuple[int, ...], ...]  # of the networks without a decoder
    patch_size: int  # of the masked autoencoder
    counts: tuple[int, ...]  # of labels; all of them go without saying
    codes: tuple[int, ...]  # sizes of the code that are compared
    seeds: int
    learning_rate: float = 3e-3


RECIPES = {
    "digits": Recipe(16, 20, 64, (16, 32), (16, 32), 2, (10, 30, 100, 300), (2, 4, 8, 16, 32), 1),
    "fashion_mnist": Recipe(
        32, 8, 128, (16, 32), (16, 32, 64), 4, (10, 100, 1000, 10_000), (2, 8, 32, 128), 3
    ),
    "cifar10": Recipe(
        64, 8, 128, (24, 48), (24, 48, 96), 4, (10, 100, 1000, 10_000), (8, 32, 128, 512), 3
    ),
}


class Learned(NamedTuple):
    """A representation, and what it took to learn."""

    encode: Encode  # images (examples, height, width, channels), 0-255, to (examples, numbers)
    reconstruct: Encode | None  # images to images; None where nothing paints
    seconds: float


def learn(
    name: str, images: np.ndarray, classes: np.ndarray, recipe: Recipe, seed: int = 0
) -> Learned:
    """Learns a representation by one of the `METHODS`.

    Args:
        name: of the method.
        images: uint8 or float32 `(examples, height, width, channels)`, 0-255.
        classes: of the images; "supervised" alone looks at them.
        recipe: for these images.
        seed: of weights, noise and order.
    """
    keras.utils.set_random_seed(seed)
    started = time.perf_counter()
    encode, reconstruct = METHODS[name](images.astype("float32"), classes, recipe)
    return Learned(encode, reconstruct, time.perf_counter() - started)


def _pixels(images: np.ndarray, classes: np.ndarray, recipe: Recipe) -> tuple[Encode, None]:
    return lambda x: x.reshape(len(x), -1).astype("float32") / 255, None


def _pca(images: np.ndarray, classes: np.ndarray, recipe: Recipe) -> tuple[Encode, Encode]:
    found = PCA(recipe.code, svd_solver="covariance_eigh").fit(images.reshape(len(images), -1))

    def encode(x: np.ndarray) -> np.ndarray:
        return found.transform(x.reshape(len(x), -1))

    return encode, lambda x: found.inverse_transform(encode(x)).reshape(x.shape)


def _linear(images: np.ndarray, classes: np.ndarray, recipe: Recipe) -> tuple[Encode, Encode]:
    return _autoencoded(models.autoencoder(images.shape[1:], recipe.code, units=()), images, recipe)


def _deep(images: np.ndarray, classes: np.ndarray, recipe: Recipe) -> tuple[Encode, Encode]:
    return _autoencoded(models.autoencoder(images.shape[1:], recipe.code), images, recipe)


def _sparse(images: np.ndarray, classes: np.ndarray, recipe: Recipe) -> tuple[Encode, Encode]:
    model = models.autoencoder(
        images.shape[1:],
        8 * recipe.code,
        units=(),
        code_activation="sigmoid",
        code_regularizer=Sparsity(0.1, weight=2.0),
    )
    return _autoencoded(model, images, recipe)


def _contractive(images: np.ndarray, classes: np.ndarray, recipe: Recipe) -> tuple[Encode, Encode]:
    plain = models.autoencoder(images.shape[1:], recipe.code, code_activation="sigmoid")
    # Noise of a pixel value; the penalty counts against squares of pixels.
    return _autoencoded(
        plain,
        images,
        recipe,
        models.contractive_autoencoder(plain, weight=1e5, deviation=1.0),
    )


def _convolutional(
    images: np.ndarray, classes: np.ndarray, recipe: Recipe
) -> tuple[Encode, Encode]:
    model = models.conv_autoencoder(images.shape[1:], recipe.code, filters=recipe.filters)
    return _autoencoded(model, images, recipe)


def _denoising(images: np.ndarray, classes: np.ndarray, recipe: Recipe) -> tuple[Encode, Encode]:
    model = models.conv_autoencoder(images.shape[1:], recipe.code, filters=recipe.filters)
    inputs = keras.Input(images.shape[1:], name="image")
    training = keras.Model(inputs, model(_noisy(inputs, 0.3)), name="denoising")
    return _autoencoded(model, images, recipe, training)


def _noisy(images: keras.KerasTensor, deviation: float) -> keras.KerasTensor:
    """Pixels of 0-255 with noise in training; its deviation is a share of 255."""
    x = keras.layers.Rescaling(1 / 255)(images)
    return keras.layers.Rescaling(255.0)(keras.layers.GaussianNoise(deviation)(x))


def _masked(images: np.ndarray, classes: np.ndarray, recipe: Recipe) -> tuple[Encode, None]:
    model = models.masked_autoencoder(images.shape[1:], patch_size=recipe.patch_size)
    _fit(model, images, images, recipe, "mse")
    return _predict(models.masked_encoder(model)), None


def _contrastive(images: np.ndarray, classes: np.ndarray, recipe: Recipe) -> tuple[Encode, None]:
    return _predict(_by_contrast(images, recipe)), None


def _by_contrast(images: np.ndarray, recipe: Recipe) -> keras.Model:
    encoder = _convnet(images.shape[1:], recipe)
    model = models.contrastive_net(encoder, _views(images.shape[1:]))
    _fit(model, images, images, recipe, NTXent(0.2))
    return encoder


def _supervised(images: np.ndarray, classes: np.ndarray, recipe: Recipe) -> tuple[Encode, None]:
    encoder = _convnet(images.shape[1:], recipe)
    model = _classifier(encoder, int(classes.max()) + 1)
    _fit(model, images, classes, recipe, "sparse_categorical_crossentropy")
    return _predict(encoder), None


def _convnet(input_shape: Sequence[int], recipe: Recipe) -> keras.Model:
    return models.convnet(
        tuple(input_shape), filters=recipe.contrastive_filters, include_top=False, pooling="avg"
    )


def _classifier(encoder: keras.Model, classes: int, name: str = "classifier") -> keras.Model:
    outputs = keras.layers.Dense(classes, activation="softmax", name="classifier")(encoder.output)
    return keras.Model(encoder.input, outputs, name=name)


def _views(input_shape: Sequence[int]) -> keras.Model:
    """What changes an image and leaves what it shows: another place, size, light and noise."""
    inputs = keras.Input(tuple(input_shape), name="image")
    x = keras.layers.RandomTranslation(0.15, 0.15, fill_mode="nearest")(inputs)
    x = keras.layers.RandomZoom((-0.3, 0.1), fill_mode="nearest")(x)
    if input_shape[-1] == 3:
        x = keras.layers.RandomFlip("horizontal")(x)
    x = keras.layers.RandomContrast(0.5, value_range=(0, 255))(x)
    x = keras.layers.RandomBrightness(0.3, value_range=(0, 255))(x)
    return keras.Model(inputs, _noisy(x, 0.06), name="views")


def _autoencoded(
    model: keras.Model, images: np.ndarray, recipe: Recipe, training: keras.Model | None = None
) -> tuple[Encode, Encode]:
    _fit(training or model, images, images, recipe, "mse")
    encode = _predict(model.get_layer("encoder"))
    return lambda x: encode(x).reshape(len(x), -1), _predict(model)


def _fit(model: keras.Model, x: np.ndarray, y: np.ndarray, recipe: Recipe, loss: Any) -> None:
    steps = recipe.epochs * -(-len(x) // recipe.batch_size)
    model.compile(
        adamw(steps, recipe.learning_rate, weight_decay=1e-3),
        loss,
        jit_compile=False,  # on a CPU, XLA makes convolutions slower
    )
    model.fit(x, y, batch_size=recipe.batch_size, epochs=recipe.epochs, verbose=0)


def _predict(model: keras.Model) -> Encode:
    return lambda x: model.predict(x.astype("float32"), batch_size=500, verbose=0)


# By name: what learns from images, and from the classes where it may.
METHODS: dict[str, Callable[[np.ndarray, np.ndarray, Recipe], tuple[Encode, Encode | None]]] = {
    "pixels": _pixels,
    "PCA": _pca,
    "linear": _linear,
    "deep": _deep,
    "sparse": _sparse,
    "contractive": _contractive,
    "convolutional": _convolutional,
    "denoising": _denoising,
    "masked": _masked,
    "SimCLR": _contrastive,
    "supervised": _supervised,
}


def pretrained_classifier(
    images: np.ndarray, recipe: Recipe, classes: int, seed: int = 0
) -> keras.Model:
    """A convolutional classifier whose features were learned by contrast, its last layer new."""
    keras.utils.set_random_seed(seed)
    return _classifier(_by_contrast(images.astype("float32"), recipe), classes, name="pretrained")


def labelled(classes: np.ndarray, count: int, seed: int = 0) -> np.ndarray:
    """The numbers of `count` examples, as many of each class: those whose labels are known.

    Args:
        classes: of all examples.
        count: how many; all where there are fewer.
        seed: of the draw.
    """
    if count >= len(classes):
        return np.arange(len(classes))
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(classes))
    # The first of each class, then the second of each, and so on.
    rank = np.zeros(len(classes), int)
    for kind in np.unique(classes):
        own = order[classes[order] == kind]
        rank[own] = np.arange(len(own))
    return order[np.argsort(rank[order], kind="stable")][:count]


def linear_probe(codes: np.ndarray, classes: np.ndarray, test: Examples) -> float:
    """The accuracy on test codes of a linear classifier, trained on these codes alone.

    The scaling is that of the training codes, too: nothing of the test is looked at.
    """
    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=300))
    return float(classifier.fit(codes, classes).score(*test))


def nearest_neighbours(
    codes: np.ndarray, classes: np.ndarray, test: Examples, neighbours: int = 5
) -> float:
    """The accuracy on test codes of their nearest neighbours among these codes."""
    kinds = len(np.unique(classes))
    # With one label a class, five neighbours would be half of all classes.
    count = max(1, min(neighbours, len(classes) // kinds))
    classifier = KNeighborsClassifier(count, weights="distance")
    return float(classifier.fit(codes, classes).score(*test))


class Worth(NamedTuple):
    """What a representation is worth by the number of labels, the mean square error aside."""

    counts: list[int]
    probe: list[float]
    neighbours: list[float]
    error: float | None  # of the reconstruction of test images, squares of pixels / 255
    seconds: float


def worth(
    learned: Learned, train: Examples, test: Examples, counts: Sequence[int], seed: int = 0
) -> Worth:
    """Asks a representation with few labels and with all.

    Args:
        learned: the representation.
        train: images and classes; of the classes only so many are looked at.
        test: images and classes.
        counts: of labels.
        seed: draws whose labels are known.
    """
    codes, test_codes = learned.encode(train[0]), learned.encode(test[0])
    probes, near = [], []
    known = [min(count, len(codes)) for count in counts]
    for count in known:
        chosen = labelled(train[1], count, seed)
        asked = codes[chosen], train[1][chosen], (test_codes, test[1])
        probes.append(linear_probe(*asked))
        near.append(nearest_neighbours(*asked))
    error = None
    if learned.reconstruct is not None:
        difference = learned.reconstruct(test[0]) - test[0]
        error = float(np.mean(np.square(difference / 255)))
    return Worth(known, probes, near, error, learned.seconds)


def from_scratch(
    train: Examples, test: Examples, count: int, recipe: Recipe, seed: int = 0
) -> float:
    """The accuracy of a convolutional network that sees the labelled images alone."""
    keras.utils.set_random_seed(seed)
    chosen = labelled(train[1], count, seed)
    model = _classifier(_convnet(train[0].shape[1:], recipe), int(train[1].max()) + 1)
    # Few images pass often: as many steps as ten epochs of a thousand.
    few = recipe._replace(epochs=max(1, 10_000 // len(chosen)), batch_size=32)
    _fit(
        model,
        train[0][chosen].astype("float32"),
        train[1][chosen],
        few,
        "sparse_categorical_crossentropy",
    )
    predicted = _predict(model)(test[0]).argmax(axis=-1)
    return float(np.mean(predicted == test[1]))


def worth_table(found: Mapping[str, Sequence[Worth]]) -> list[list[str]]:
    """Mean and deviation over the seeds, a row a method, the header first."""
    counts = next(iter(found.values()))[0].counts
    rows = [
        [
            "representation",
            "error",
            *(f"probe, {count:,}" for count in counts),
            *(f"5-NN, {count:,}" for count in counts),
            "training, s",
        ]
    ]
    for name, seeds in found.items():
        errors = [each.error for each in seeds if each.error is not None]
        rows.append(
            [
                name,
                f"{np.mean(errors):.4f}" if errors else "–",
                *(over_seeds([each.probe[k] for each in seeds]) for k in range(len(counts))),
                *(over_seeds([each.neighbours[k] for each in seeds]) for k in range(len(counts))),
                f"{np.mean([each.seconds for each in seeds]):.0f}",
            ]
        )
    return rows


def errors_by_code(
    names: Sequence[str], images: np.ndarray, test: np.ndarray, recipe: Recipe, seed: int = 0
) -> dict[str, dict[int, float]]:
    """The error on test images by method and size of the code, squares of pixels / 255.

    Args:
        names: methods that reconstruct.
        images: to learn from.
        test: others.
        recipe: whose `codes` are compared.
        seed: of the weights.
    """
    found: dict[str, dict[int, float]] = {}
    nobody = np.zeros(len(images), int)
    for name in names:
        found[name] = {}
        for code in recipe.codes:
            reconstruct = learn(name, images, nobody, recipe._replace(code=code), seed).reconstruct
            if reconstruct is None:
                raise ValueError(f"expected a method that reconstructs, received {name}")
            found[name][code] = float(np.mean(np.square((reconstruct(test) - test) / 255)))
    return found


def principal_angles(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The angles between two subspaces, in degrees, the smallest first.

    Args:
        a: rows that span one, `(dimensions, numbers)`.
        b: rows that span the other.

    Source: Björck and Golub, "Numerical Methods for Computing Angles Between Linear Subspaces",
    Mathematics of Computation 27, 1973.
    """
    (a, _), (b, _) = np.linalg.qr(a.T), np.linalg.qr(b.T)
    cosines = np.linalg.svd(a.T @ b, compute_uv=False)
    return np.degrees(np.arccos(np.clip(cosines, 0, 1)))


def over_seeds(shares: Sequence[float]) -> str:
    """Mean and standard deviation of accuracies, in percent."""
    mean = f"{100 * np.mean(shares):.1f}"
    return f"{mean} ± {100 * np.std(shares, ddof=1):.1f} %" if len(shares) > 1 else f"{mean} %"
