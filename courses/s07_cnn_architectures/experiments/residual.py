"""What shortcuts bring: plain and residual networks of growing depth, trained the same way."""

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from courses.s07_cnn_architectures.experiments.architectures import Examples, train


class DepthRun(NamedTuple):
    """One network of the comparison."""

    depth: int
    shortcut: bool
    history: dict[str, list[float]]  # as `fit` gives it
    gradients_before: list[float]  # norms by layer, of the untrained network
    gradients_after: list[float]
    test_accuracy: float
    seconds: float


def compare_depths(
    build: Callable[[int, bool], keras.Model],
    examples: Any,
    validation: Any,
    test: Examples,
    *,
    depths: Sequence[int] = (8, 20, 32),
    epochs: int,
    seed: int = 0,
) -> list[DepthRun]:
    """Trains a plain and a residual network of each depth, and looks at their gradients.

    Args:
        build: makes a classifier of a depth, with shortcuts or without.
        examples: training batches, as `architectures.train` takes them.
        validation: batches for the curves.
        test: images and classes.
        depths: numbers of layers with weights.
        epochs: passes over the examples, the same for all.
        seed: of weights and order, set anew for each network.

    Returns:
        The plain run and the residual one of each depth, in this order.
    """
    images, classes = next(iter(examples))
    runs = []
    for depth in depths:
        for shortcut in (False, True):
            keras.utils.set_random_seed(seed)
            model = build(depth, shortcut)
            before = gradient_norms(model, images, classes)
            started = time.perf_counter()
            history = train(model, examples, validation, epochs=epochs)
            seconds = time.perf_counter() - started
            after = gradient_norms(model, images, classes)
            _, accuracy = model.evaluate(*test, batch_size=500, verbose=0)
            runs.append(
                DepthRun(depth, shortcut, history.history, before, after, float(accuracy), seconds)
            )
    return runs


def gradient_norms(model: keras.Model, images: Any, classes: Any) -> list[float]:
    """How strongly each layer is told to change: norms of the loss's gradient by kernel.

    Each is divided by the kernel's own norm, so that layers of different sizes compare.

    Args:
        model: a classifier that ends in a softmax. It is asked as in training: normalization by
            the batch's own moments, which are not kept.
        images: one batch, as the model takes them.
        classes: their classes.

    Returns:
        A number for each convolution and dense layer off the shortcuts, from the input to the
        output: those with a kernel larger than 1 x 1 and the classifier.
    """
    kernels = [
        layer.kernel
        for layer in model.layers
        if hasattr(layer, "kernel") and getattr(layer, "kernel_size", None) != (1, 1)
    ]
    moments = [weight.numpy() for weight in model.non_trainable_variables]
    with tf.GradientTape() as tape:
        probabilities = model(images, training=True)
        losses = keras.losses.sparse_categorical_crossentropy(classes, probabilities)
        loss = keras.ops.mean(losses)
    gradients = tape.gradient(loss, [kernel.value for kernel in kernels])
    for weight, moment in zip(model.non_trainable_variables, moments, strict=True):
        weight.assign(moment)
    return [
        float(np.linalg.norm(gradient) / np.linalg.norm(kernel))
        for gradient, kernel in zip(gradients, kernels, strict=True)
    ]


def depth_table(runs: Sequence[DepthRun]) -> list[list[str]]:
    """The runs as rows of text, the header first; training accuracy is the last epoch's."""
    header = ["layers", "shortcuts", "training accuracy", "test accuracy", "training, s"]
    return [
        header,
        *(
            [
                str(run.depth),
                "yes" if run.shortcut else "no",
                f"{run.history['accuracy'][-1]:.1%}",
                f"{run.test_accuracy:.1%}",
                f"{run.seconds:.0f}",
            ]
            for run in runs
        ),
    ]
