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
# An encoder, and a decoder where there is one.
Parts = tuple[keras.Model | Encode, keras.Model | Encode | None]
Examples = tuple[np.ndarray, np.ndarray]


class Recipe(NamedTuple):
    """What a set of images asks for."""

    code: int  # numbers of the code
    epochs: int
    contrastive_epochs: int  # comparing takes longer to learn than painting
    batch_size: int
    filters: tuple[int, ...]  # of the convolutional autoencoder
    contrastive_filters: tuple[int | tuple[int, ...], ...]  # of the networks without a decoder
    patch_size: int  # of the masked autoencoder
    counts: tuple[int, ...]  # of labels; all of them go without saying
    codes: tuple[int, ...]  # sizes of the code that are compared
    codecs: tuple[int, ...]  # channels of the codecs' maps, a byte each
    seeds: int
    learning_rate: float = 3e-3


RECIPES = {
    "digits": Recipe(
        code=16,
        epochs=20,
        contrastive_epochs=60,
        batch_size=64,
        filters=(16, 32),
        contrastive_filters=(16, 32),
        patch_size=2,
        counts=(10, 100),
        codes=(2, 8, 32),
        codecs=(2, 8),
        seeds=1,
    ),
    "fashion_mnist": Recipe(
        code=32,
        epochs=8,
        contrastive_epochs=8,
        batch_size=128,
        filters=(16, 32),
        contrastive_filters=(16, 32, 64),
        patch_size=4,
        counts=(10, 100, 1000, 10_000),
        codes=(2, 8, 32, 128),
        codecs=(2, 4, 8),
        seeds=3,
    ),
    "cifar10": Recipe(
        code=64,
        epochs=8,
        contrastive_epochs=8,
        batch_size=128,
        filters=(24, 48),
        contrastive_filters=(24, 48, 96),
        patch_size=4,
        counts=(10, 100, 1000, 10_000),
        codes=(8, 32, 128, 512),
        codecs=(4, 8, 16),
        seeds=3,
    ),
}


class Learned(NamedTuple):
    """A representation, and what it took to learn."""

    # Models, or functions of arrays where no network is needed.
    encoder: Any  # images, 0-255, to codes (examples, numbers)
    decoder: Any  # codes to images; None where nothing paints
    seconds: float

    def encode(self, images: np.ndarray) -> np.ndarray:
        """The codes `(examples, numbers)` of images `(examples, height, width, channels)`."""
        return _predict(self.encoder, images)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Images, 0-255, that codes stand for; a ValueError where nothing paints."""
        if self.decoder is None:
            raise ValueError("expected a method with a decoder, received one that only encodes")
        return _predict(self.decoder, codes)

    def reconstruct(self, images: np.ndarray) -> np.ndarray:
        """Images through their codes."""
        return self.decode(self.encode(images))


def _predict(model: keras.Model | Encode, x: np.ndarray) -> np.ndarray:
    x = x.astype("float32")
    if isinstance(model, keras.Model):
        return model.predict(x, batch_size=500, verbose=0)
    return model(x)


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
    encoder, decoder = METHODS[name](images.astype("float32"), classes, recipe)
    return Learned(encoder, decoder, time.perf_counter() - started)


def _pixels(images: np.ndarray, classes: np.ndarray, recipe: Recipe) -> Parts:
    return lambda x: x.reshape(len(x), -1) / 255, None


def _pca(images: np.ndarray, classes: np.ndarray, recipe: Recipe) -> Parts:
    found = PCA(recipe.code, svd_solver="covariance_eigh").fit(images.reshape(len(images), -1))

    def encode(x: np.ndarray) -> np.ndarray:
        return found.transform(x.reshape(len(x), -1))

    return encode, lambda codes: found.inverse_transform(codes).reshape(-1, *images.shape[1:])


def _linear(images: np.ndarray, classes: np.ndarray, recipe: Recipe) -> Parts:
    return _autoencoded(models.autoencoder(images.shape[1:], recipe.code, units=()), images, recipe)


def _deep(images: np.ndarray, classes: np.ndarray, recipe: Recipe) -> Parts:
    return _autoencoded(models.autoencoder(images.shape[1:], recipe.code), images, recipe)


def _sparse(images: np.ndarray, classes: np.ndarray, recipe: Recipe) -> Parts:
    model = models.autoencoder(
        images.shape[1:],
        8 * recipe.code,
        units=(),
        code_activation="sigmoid",
        code_regularizer=Sparsity(0.1, weight=2.0),
    )
    return _autoencoded(model, images, recipe)


def _contractive(images: np.ndarray, classes: np.ndarray, recipe: Recipe) -> Parts:
    plain = models.autoencoder(images.shape[1:], recipe.code, code_activation="sigmoid")
    # Noise of a pixel value; the penalty counts against squares of pixels.
    return _autoencoded(
        plain,
        images,
        recipe,
        models.contractive_autoencoder(plain, weight=1e5, deviation=1.0),
    )


def _convolutional(images: np.ndarray, classes: np.ndarray, recipe: Recipe) -> Parts:
    model = models.conv_autoencoder(images.shape[1:], recipe.code, filters=recipe.filters)
    return _autoencoded(model, images, recipe)


def _denoising(images: np.ndarray, classes: np.ndarray, recipe: Recipe) -> Parts:
    model = models.conv_autoencoder(images.shape[1:], recipe.code, filters=recipe.filters)
    inputs = keras.Input(images.shape[1:], name="image")
    training = keras.Model(inputs, model(_noisy(inputs, 0.3)), name="denoising")
    return _autoencoded(model, images, recipe, training)


def _noisy(images: keras.KerasTensor, deviation: float) -> keras.KerasTensor:
    """Pixels of 0-255 with noise in training; its deviation is a share of 255."""
    x = keras.layers.Rescaling(1 / 255)(images)
    return keras.layers.Rescaling(255.0)(keras.layers.GaussianNoise(deviation)(x))


def _masked(images: np.ndarray, classes: np.ndarray, recipe: Recipe) -> Parts:
    model = models.masked_autoencoder(images.shape[1:], patch_size=recipe.patch_size)
    _fit(model, images, images, recipe, "mse")
    return models.masked_encoder(model), None


def _contrastive(images: np.ndarray, classes: np.ndarray, recipe: Recipe) -> Parts:
    encoder = _convnet(images.shape[1:], recipe)
    model = models.contrastive_net(encoder, _views(images.shape[1:]))
    _fit(model, images, images, recipe._replace(epochs=recipe.contrastive_epochs), NTXent(0.2))
    return encoder, None


def _supervised(images: np.ndarray, classes: np.ndarray, recipe: Recipe) -> Parts:
    encoder = _convnet(images.shape[1:], recipe)
    model = classifier(encoder, int(classes.max()) + 1)
    _fit(model, images, classes, recipe, "sparse_categorical_crossentropy")
    return encoder, None


def _convnet(input_shape: Sequence[int], recipe: Recipe) -> keras.Model:
    return models.convnet(
        tuple(input_shape), filters=recipe.contrastive_filters, include_top=False, pooling="avg"
    )


def classifier(encoder: keras.Model, classes: int, name: str = "classifier") -> keras.Model:
    """A new last layer on an encoder's code; they share the encoder's weights."""
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
) -> Parts:
    _fit(training or model, images, images, recipe, "mse")
    return model.get_layer("encoder"), model.get_layer("decoder")


def _fit(model: keras.Model, x: np.ndarray, y: np.ndarray, recipe: Recipe, loss: Any) -> None:
    steps = recipe.epochs * -(-len(x) // recipe.batch_size)
    model.compile(
        adamw(steps, recipe.learning_rate, weight_decay=1e-3),
        loss,
        jit_compile=False,  # on a CPU, XLA makes convolutions slower
    )
    model.fit(x, y, batch_size=recipe.batch_size, epochs=recipe.epochs, verbose=0)


# By name: what learns from images, and from the classes where it may.
METHODS: dict[str, Callable[[np.ndarray, np.ndarray, Recipe], Parts]] = {
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
    if learned.decoder is not None:
        difference = learned.reconstruct(test[0]) - test[0]
        error = float(np.mean(np.square(difference / 255)))
    return Worth(known, probes, near, error, learned.seconds)


def with_few_labels(
    encoder: keras.Model | None,
    train: Examples,
    test: Examples,
    count: int,
    recipe: Recipe,
    seed: int = 0,
) -> float:
    """The accuracy of a convolutional network that all layers of were trained with few labels.

    Args:
        encoder: where it starts from, which stays as it is; None starts from scratch.
        train: images and classes; the labelled ones alone are looked at.
        test: images and classes.
        count: of labels.
        recipe: for these images.
        seed: draws whose labels are known, and the weights that are new.
    """
    keras.utils.set_random_seed(seed)
    chosen = labelled(train[1], count, seed)
    # Few images pass often: an epoch has a thousand at least.
    passed = np.resize(chosen, max(len(chosen), 1000))
    x, y = train[0][passed].astype("float32"), train[1][passed]
    recipe, loss = recipe._replace(batch_size=32), "sparse_categorical_crossentropy"
    start = _convnet(x.shape[1:], recipe)
    model = classifier(start, int(train[1].max()) + 1)
    if encoder is not None:
        start.set_weights(encoder.get_weights())
        # A new last layer's large gradients would ruin what has been learned.
        start.trainable = False
        _fit(model, x, y, recipe._replace(learning_rate=1e-2), loss)
        start.trainable = True
        recipe = recipe._replace(learning_rate=recipe.learning_rate / 30)
    _fit(model, x, y, recipe, loss)
    return float(np.mean(_predict(model, test[0]).argmax(axis=-1) == test[1]))


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


def between(learned: Learned, first: np.ndarray, second: np.ndarray, steps: int = 9) -> np.ndarray:
    """Images on the straight line between the codes of two, `(steps, height, width, channels)`.

    Args:
        learned: with a decoder.
        first: an image, 0-255.
        second: another one.
        steps: how many, the two themselves (as they come back) among them.
    """
    codes = learned.encode(np.stack([first, second]))
    return learned.decode(np.linspace(codes[0], codes[1], steps))


def unit_changes(
    learned: Learned, images: np.ndarray, units: int = 8, steps: int = 7
) -> dict[str, np.ndarray]:
    """What single numbers of the code do: images by title, a row a number.

    All others stay at their means over the images; the one goes from two standard deviations below
    its mean to two above. Those that vary most come first.

    Args:
        learned: with a decoder.
        images: whose codes tell means and deviations.
        units: how many numbers.
        steps: images of a row.
    """
    codes = learned.encode(images)
    mean, deviation = codes.mean(axis=0), codes.std(axis=0)
    rows = {}
    for unit in np.argsort(-deviation, kind="stable")[:units]:
        walk = np.tile(mean, (steps, 1))
        walk[:, unit] += np.linspace(-2, 2, steps) * deviation[unit]
        rows[f"number {unit + 1}"] = learned.decode(walk)
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
            learned = learn(name, images, nobody, recipe._replace(code=code), seed)
            missed = learned.reconstruct(test) - test
            found[name][code] = float(np.mean(np.square(missed / 255)))
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
