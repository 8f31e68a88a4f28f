"""How good generated images are, on the features of a classifier, and the tables of it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import keras
import numpy as np

from courses.s10_generative_models.experiments.generators import Generator
from thinkkeras import metrics
from thinkkeras.models import generative


class Judge(NamedTuple):
    """A classifier, and real images in two halves; it was trained on none of them."""

    classifier: keras.Model
    features: keras.Model  # the same without its last layer
    real: np.ndarray  # features of the half that all is compared with
    others: np.ndarray  # images of the other half: the floor
    detail: float  # the real images' mean sharpness
    classes: int

    def of(self, images: np.ndarray) -> np.ndarray:
        """Features `(examples, dimensions)` of pixels of 0-255."""
        return _predict(self.features, images)

    def recognised(self, images: np.ndarray) -> np.ndarray:
        """What the classifier takes images for, `(examples,)`."""
        return _predict(self.classifier, images).argmax(axis=1)


class Quality(NamedTuple):
    """What is measured of generated images."""

    frechet: float
    kernel: float
    precision: float
    recall: float
    density: float
    coverage: float
    found: float  # share of the classes that are made
    sharpness: float  # over the real images'


class Likelihood(NamedTuple):
    """Nats per image, the mean of several."""

    elbo: float
    bound: float  # of many codes
    deviation: float  # of the bound's mean, from image to image


def judge(classifier: keras.Model, images: np.ndarray, examples: int, seed: int = 0) -> Judge:
    """Splits real images at random in two halves of at most `examples`, and looks at them.

    Args:
        classifier: images to probabilities; what its last layer gets are the features.
        images: pixels of 0-255 that were not trained on, `(two or more, height, width, channels)`.
        examples: of each half, at most.
        seed: of the split.
    """
    order = np.random.default_rng(seed).permutation(len(images))
    size = min(examples, len(images) // 2)
    real, others = images[order[:size]], images[order[size : 2 * size]]
    features = keras.Model(classifier.inputs, classifier.layers[-1].input, name="features")
    detail = float(metrics.sharpness(real).mean())
    classes = classifier.output_shape[1]
    return Judge(classifier, features, _predict(features, real), others, detail, classes)


def quality(judge: Judge, images: np.ndarray) -> Quality:
    """All that is measured of images, pixels of 0-255, as many as the floor has."""
    found = judge.of(images)
    precision, recall = metrics.precision_and_recall(judge.real, found)
    density, coverage = metrics.density_and_coverage(judge.real, found)
    return Quality(
        metrics.frechet_distance(judge.real, found),
        metrics.kernel_distance(judge.real, found).mean,
        precision,
        recall,
        density,
        coverage,
        metrics.mode_coverage(judge.recognised(images), judge.classes).found,
        float(metrics.sharpness(images).mean()) / judge.detail,
    )


def frechet(judge: Judge, images: np.ndarray) -> float:
    """The Fréchet distance alone."""
    return metrics.frechet_distance(judge.real, judge.of(images))


def likelihood(
    vae: generative.VAE,
    images: np.ndarray,
    labels: np.ndarray | None = None,
    samples: int = 500,
    seed: int = 0,
) -> Likelihood:
    """The evidence lower bound and the importance-weighted one of images that are binarised once.

    Args:
        vae: with a Bernoulli likelihood.
        images: pixels of 0-255.
        labels: of a model with classes.
        samples: codes of each image, a multiple of 10 or below it.
        seed: of the binarisation.
    """
    binary = generative.binarized(images, seed)
    weights = list(
        generative.log_weights(vae, binary, labels, samples=samples, at_once=min(10, samples))
    )
    bounds = metrics.importance_weighted_bound(weights)
    return Likelihood(
        float(np.mean(weights)), float(bounds.mean()), float(bounds.std() / np.sqrt(len(bounds)))
    )


def bounds_by_samples(
    vae: generative.VAE, images: np.ndarray, counts: Sequence[int], seed: int = 0
) -> list[float]:
    """The importance-weighted bound of the first 1, 10, … of the same codes, nats per image.

    Args:
        vae: with a Bernoulli likelihood, without classes.
        images: pixels of 0-255.
        counts: numbers of codes; the largest is a multiple of 10 or below it.
        seed: of the binarisation.
    """
    binary = generative.binarized(images, seed)
    weights = np.concatenate(
        list(
            generative.log_weights(vae, binary, samples=max(counts), at_once=min(10, max(counts)))
        ),
        axis=1,
    )
    return [
        float(metrics.importance_weighted_bound([weights[:, :count]]).mean()) for count in counts
    ]


def reconstruction(made: Generator, images: np.ndarray, labels: np.ndarray) -> float | None:
    """The mean squared error of pixels / 255 through the code; None of what has no encoder."""
    trainer = made.trainer
    if isinstance(trainer, generative.VQVAE):
        back = trainer.images(trainer.numbers(images.astype("float32")))
    elif isinstance(trainer, generative.VAE):
        rows = [np.eye(trainer.classes, dtype="float32")[labels]] if trainer.classes else []
        given = [images.astype("float32"), *rows]
        mean, _ = trainer.encoder.predict(given if rows else given[0], verbose=0)
        back = made.network.predict([mean, *rows] if rows else mean, verbose=0)
    else:
        return None
    return float(np.mean((back - images) ** 2) / 255**2)


def over_seeds(values: Sequence[float], digits: int = 2) -> str:
    """Mean and standard deviation of several, the value of one."""
    mean = f"{np.mean(values):.{digits}f}"
    return mean if len(values) == 1 else f"{mean} ± {np.std(values):.{digits}f}"


def quality_table(found: Mapping[str, Sequence[Quality]]) -> list[list[str]]:
    """Rows of text: by title one `Quality` a seed."""
    header = ["", "Fréchet", "kernel", "precision", "recall", "density", "coverage", "classes",
              "sharpness"]  # fmt: skip
    digits = (2, 3, 2, 2, 2, 2, 2, 2)
    return [
        header,
        *(
            [name, *(over_seeds(each, places) for each, places in
                     zip(zip(*seeds, strict=True), digits, strict=True))]
            for name, seeds in found.items()
        ),
    ]  # fmt: skip


def cost_table(
    made: Mapping[str, Sequence[Generator]],
    errors: Mapping[str, float | None],
    likelihoods: Mapping[str, Likelihood],
) -> list[list[str]]:
    """Rows of text: what each took, its reconstruction and likelihood where it has one."""
    rows = [["", "parameters", "trained", "steps", "seconds", "reconstruction", "likelihood, nats"]]
    for name, seeds in made.items():
        error, bound = errors.get(name), likelihoods.get(name)
        rows.append(
            [
                name,
                f"{seeds[0].parameters:,}",
                f"{seeds[0].trained:,}",
                f"{np.mean([each.steps for each in seeds]):,.0f}",
                f"{np.mean([each.seconds for each in seeds]):.0f}",
                "–" if error is None else f"{error:.4f}",
                "–" if bound is None else f"{bound.bound:.1f}",
            ]
        )
    return rows


def _predict(model: keras.Model, images: np.ndarray) -> np.ndarray:
    return model.predict(images.astype("float32"), batch_size=500, verbose=0)
