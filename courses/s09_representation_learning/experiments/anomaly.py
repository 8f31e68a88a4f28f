"""What is not normal: one class left out of ten, and a machine with faults."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score

from deploy.tasks.anomaly import windows_of
from thinkkeras import models
from thinkkeras.datasets.machines import FAULTS, MachineSounds
from thinkkeras.optimizers import adamw

# Frames of 64 ms, 32 ms apart, as MLPerf Tiny has them; five of them are one input.
FRONT_END: dict[str, Any] = {
    "kind": "log_mel",
    "rate": 16_000,
    "window": 1024,
    "hop": 512,
    "bins": 128,
    "floor": 1e-6,
}
FRAMES, BINS = 5, 128
MAX_FPR = 0.1  # of the partial AUC


class Scores(NamedTuple):
    """How anomalous examples are, by several detectors: each `(examples,)`."""

    autoencoder: np.ndarray
    pca: np.ndarray
    isolation_forest: np.ndarray


def squared_error(model: keras.Model, x: np.ndarray) -> np.ndarray:
    """The mean square of what an autoencoder misses of each example, `(examples,)`."""
    missed = model.predict(x, batch_size=500, verbose=0) - x
    return np.mean(np.square(missed.reshape(len(x), -1)), axis=1)


def trained(
    model: keras.Model, x: np.ndarray, *, epochs: int, batch_size: int = 128, verbose: int = 0
) -> keras.Model:
    """An autoencoder trained on normal examples alone."""
    model.compile(
        adamw(epochs * -(-len(x) // batch_size), 3e-3, weight_decay=1e-3), "mse", jit_compile=False
    )
    model.fit(x, x, batch_size=batch_size, epochs=epochs, verbose=verbose)
    return model


def scores(
    model: keras.Model, normal: np.ndarray, x: np.ndarray, *, components: int, seed: int = 0
) -> Scores:
    """Scores of examples by an autoencoder, and by two detectors that know no layers.

    Args:
        model: the autoencoder, trained on the normal examples.
        normal: those, `(examples, …)`.
        x: what is to be judged, the same shape.
        components: of the principal component analysis: as many as the code has numbers.
        seed: of the forest.
    """
    flat, asked = normal.reshape(len(normal), -1), x.reshape(len(x), -1)
    pca = PCA(components, random_state=seed).fit(flat)
    rebuilt = pca.inverse_transform(pca.transform(asked))
    forest = IsolationForest(random_state=seed).fit(flat)
    return Scores(
        squared_error(model, x),
        np.mean(np.square(rebuilt - asked), axis=1),
        -forest.score_samples(asked),
    )


def leave_one_class_out(
    train: tuple[np.ndarray, np.ndarray],
    test: tuple[np.ndarray, np.ndarray],
    *,
    code: int,
    filters: Sequence[int],
    epochs: int,
    kinds: Sequence[int],
    seed: int = 0,
) -> dict[int, tuple[keras.Model, Scores]]:
    """For each class a network that saw all the others, and how it scores the test images.

    Args:
        train: images `(examples, height, width, channels)` of 0-255, and classes.
        test: the same.
        code: numbers of the code.
        filters: of the convolutional autoencoder.
        epochs: of each training.
        kinds: the classes that are left out, one after the other.
        seed: of the weights.
    """
    found = {}
    for kind in kinds:
        keras.utils.set_random_seed(seed)
        normal = train[0][train[1] != kind].astype("float32")
        model = models.conv_autoencoder(normal.shape[1:], code, filters=tuple(filters))
        trained(model, normal, epochs=epochs)
        found[kind] = (
            model,
            scores(model, normal, test[0].astype("float32"), components=code, seed=seed),
        )
        area = roc_auc_score(test[1] == kind, found[kind][1].autoencoder)
        print(f"without class {kind}: AUC {area:.3f}", flush=True)
    return found


def class_table(
    found: dict[int, tuple[keras.Model, Scores]], classes: np.ndarray, class_names: Sequence[str]
) -> list[list[str]]:
    """The area under the ROC curve of each class left out, a row each, the mean last."""
    rows = [["class left out", "autoencoder", "PCA", "isolation forest"]]
    areas = []
    for kind, (_, each) in found.items():
        areas.append([roc_auc_score(classes == kind, one) for one in each])
        rows.append([class_names[kind], *(f"{area:.3f}" for area in areas[-1])])
    return [*rows, ["mean", *(f"{area:.3f}" for area in np.mean(areas, axis=0))]]


def machine_net(code: int = 8, units: int = 128) -> keras.Model:
    """MLPerf Tiny's network for anomalies in machine sounds, five frames of 128 bands to the same.

    It has 268,960 parameters: the 269,992 of theirs less the 1,032 biases that batch normalization
    makes idle.

    Source: Banbury et al., "MLPerf Tiny Benchmark", NeurIPS 2021; Koizumi et al., DCASE 2020.
    """
    return models.autoencoder(
        (FRAMES, BINS),
        code,
        units=(units,) * 4,
        code_activation="relu",
        batch_normalization=True,
        name="machine_net",
    )


def windows(sounds: MachineSounds) -> np.ndarray:
    """Log-mel frames, five after each other: `(recordings, windows, 5, 128)`."""
    recordings = [(samples, sounds.rate) for samples in sounds.samples]
    found, _ = windows_of(recordings, FRONT_END, (FRAMES, BINS))
    return found.reshape(len(recordings), -1, FRAMES, BINS)


def of_recordings(by_window: np.ndarray, recordings: int) -> np.ndarray:
    """The mean score of each recording's windows, `(recordings,)`."""
    return by_window.reshape(recordings, -1).mean(axis=1)


def fault_table(by_detector: dict[str, np.ndarray], sounds: MachineSounds) -> list[list[str]]:
    """AUC and partial AUC of all faults, and the AUC of each, a row a detector."""
    rows = [["detector", "AUC", f"partial AUC, to {MAX_FPR:g}", *FAULTS]]
    for name, found in by_detector.items():
        cells = [
            roc_auc_score(sounds.anomalous, found),
            roc_auc_score(sounds.anomalous, found, max_fpr=MAX_FPR),
        ]
        for fault in FAULTS:
            chosen = (sounds.anomalous == 0) | (sounds.conditions == fault)
            cells.append(roc_auc_score(sounds.anomalous[chosen], found[chosen]))
        rows.append([name, *(f"{cell:.3f}" for cell in cells)])
    return rows
