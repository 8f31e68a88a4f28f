"""Session 9, exercises: write the functions below, in any order, then grade them with

    python -m courses check s09

A function that is not written yet counts as "to do", whatever the others do. `linear_autoencoder`
is Keras, `linear_probe` scikit-learn, all the rest NumPy and plain Python. Scores and curves are
held against scikit-learn, losses against Keras, memory against what LiteRT Micro needed.
"""

from collections.abc import Callable, Sequence

import keras
import numpy as np


def linear_autoencoder(x: np.ndarray, code: int) -> tuple[keras.Model, np.ndarray]:
    """Trains an autoencoder without activations, and says which subspace it has found.

    A dense layer makes `code` numbers of the features, another one makes the features of them
    again; trained for the least mean squared error, what they let pass is the subspace that a
    principal component analysis finds (Baldi and Hornik, 1989). The single weights are not the
    components: any mixture of these in the code rebuilds as well. The decoder's kernel spans the
    subspace; `np.linalg.qr` makes an orthonormal basis of it.

    The grader's data are 400 examples of 6 and of 8 features, with means of up to 5 and deviations
    around 1. What the network is given and what it puts out is `x` as it is. Biases take long to
    find the means: subtract them in the first layer and add them in the last (`Rescaling`). The
    largest angle between the subspace and PCA's may be 5 degrees; with a learning rate that falls
    to 0, some 200 steps are enough.

    Args:
        x: examples, (examples, features).
        code: numbers of the code, less than there are features.

    Returns:
        (model, basis): the trained model from (batch, features) to the same shape, and a basis of
        the subspace, (features, code), whose columns have length 1 and are at right angles.

    Example:
        All examples on the line (0, 5) + t (3, 4), code 1: the basis is (0.6, 0.8) or (-0.6, -0.8),
        up to what the training leaves.
    """
    raise NotImplementedError


def denoising_pairs(
    images: np.ndarray, noise: str, amount: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """What a denoising autoencoder is trained on: noisy images, and the clean ones as targets.

    Mask noise ("mask") sets pixels to 0, each with the probability `amount`, whatever the others
    do; a pixel goes with all its channels, and what is kept stays as it is (there is no test time
    to make up for, as there is in dropout). Gaussian noise ("gaussian") adds to each number one of
    its own, of mean 0 and deviation 255 * amount, and cuts at 0 and 255.

    Args:
        images: pixels of 0-255, (examples, height, width, channels), uint8 or a float type.
        noise: "mask" or "gaussian".
        amount: the probability or the deviation, 0 to 1.
        seed: the same seed makes the same noise, another one another.

    Returns:
        (noisy, targets), both float32, of the images' shape, 0-255.

    Raises:
        ValueError: another name of a noise.
    """
    raise NotImplementedError


def denoising_error(
    reconstruct: Callable[[np.ndarray], np.ndarray], noisy: np.ndarray, clean: np.ndarray
) -> float:
    """How far from the clean images is what a network makes of the noisy ones.

    It is the mean over all numbers of the squared difference, black being 0 and white 1.

    Args:
        reconstruct: images to images, pixels of 0-255, float32.
        noisy: (examples, height, width, channels), 0-255, uint8 or a float type.
        clean: the same without noise.

    Returns:
        The error, a float.

    Example:
        A network that changes nothing, noisy pixels of 51 where the clean ones are 0: 0.04.
    """
    raise NotImplementedError


def sparsity_penalty(codes: np.ndarray, share: float) -> tuple[float, np.ndarray]:
    """The penalty of a sparse autoencoder, and its gradient (Ng's lecture notes, section 3).

    With q_j the mean over the batch of unit j's activation and p the share asked for, it is

        sum over j of  p log(p / q_j) + (1 - p) log((1 - p) / (1 - q_j))

    in natural logarithms. First q_j is clipped to 1e-6 ... 1 - 1e-6, so that a unit which is never
    active costs much, but not infinity; where it is clipped, the gradient is 0.

    Args:
        codes: activations from 0 to 1, (batch, units).
        share: p, between 0 and 1.

    Returns:
        (penalty, gradient): a float, and its derivatives by each of the codes, (batch, units).

    Example:
        Two examples of one unit, 0.2 and 0.6, p = 0.5: q = 0.4, the penalty is 0.0204, and both
        derivatives are -0.2083.
    """
    raise NotImplementedError


def nt_xent(first: np.ndarray, second: np.ndarray, temperature: float) -> float:
    """SimCLR's loss: each view has to find the other view of its image among all the others.

    Of N images there are 2 N views. The logits of a view are its cosines to the 2 N - 1 other
    views, over the temperature; the right answer is the other view of the same image. The loss is
    the mean of the 2 N cross-entropies (Chen et al., 2020, equation 1). At a temperature of 0.001
    the logits are ±1000, without overflow or warning.

    Args:
        first: one view of each image, (N, dimensions), of any length but 0.
        second: the other view of each image, in the same order.
        temperature: above 0.

    Returns:
        The loss, a float.

    Example:
        first = second = [[1, 0], [0, 1]], temperature 1: each view sees cosines of 1, 0 and 0, so
        that the loss is log(1 + 2 / e) = 0.5514.
    """
    raise NotImplementedError


def linear_probe(
    train: tuple[np.ndarray, np.ndarray],
    validation: tuple[np.ndarray, np.ndarray],
    test: tuple[np.ndarray, np.ndarray],
    strengths: Sequence[float],
) -> tuple[float, float]:
    """What a linear classifier makes of codes, where nothing leaks from the test.

    For each strength a classifier is fitted to the training codes: scikit-learn's
    `StandardScaler`, whose means and deviations are those of the training codes too, and
    `LogisticRegression(C=strength, max_iter=1000)`. The strength whose classifier is right most
    often on the validation codes is chosen; of equally good ones, the smallest (the one that
    regularises most). That very classifier is asked for the test, once; it is not fitted anew.

    Args:
        train: codes (examples, numbers) and classes (examples,).
        validation: the same.
        test: the same.
        strengths: values of C to choose from, in any order.

    Returns:
        (strength, accuracy): the one chosen, and the share of test codes that are classified right.
    """
    raise NotImplementedError


def alarm_threshold(scores: np.ndarray, false_alarm_rate: float) -> float:
    """The smallest threshold at which healthy examples raise no more than so many alarms.

    An alarm is a score above the threshold, not one that equals it. It is the examples at hand that
    are counted: of n scores, at most false_alarm_rate * n lie above.

    Args:
        scores: of examples that are known to be normal, (n,), in any order; n >= 1. Of a device
            that counts in int8, many are equal.
        false_alarm_rate: from 0 up to, not including, 1, such as 0.29, of which 100 examples allow
            29 alarms (whatever 0.29 * 100 is in floats).

    Returns:
        The threshold, a float.

    Example:
        Of the scores 1, 2, 3, 4, 5 a rate of 0.2 gives 4 (only 5 lies above), 0.39 as well, and 0
        gives 5.
    """
    raise NotImplementedError


def roc_curve(anomalous: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What share of the healthy and of the anomalous raises an alarm, threshold by threshold.

    The thresholds are infinity, then the scores that occur, each once, the highest first; here an
    alarm is a score that reaches the threshold. Examples of the same score get over it together.

    Args:
        anomalous: 1 of an anomalous example and 0 of a normal one, (examples,); there are both.
        scores: how anomalous each one seems, (examples,), in any order.

    Returns:
        (false_alarms, detections): the share of the normal examples and of the anomalous ones that
        raise an alarm, both (1 + different scores,), from 0 to 1.

    Example:
        anomalous = [0, 1, 0, 1], scores = [1, 2, 2, 3]: false alarms [0, 0, 0.5, 1], detections
        [0, 0.5, 1, 1].
    """
    raise NotImplementedError


def area_under_roc(
    false_alarms: np.ndarray, detections: np.ndarray, max_false_alarms: float = 1.0
) -> float:
    """The area under a ROC curve, or of its part with few false alarms, on the scale of the whole.

    Between its points the curve is straight: that is how ties count half. Up to a share m of false
    alarms, where the curve may have no point of its own, the area A lies between m² / 2, of a
    detector that guesses, and m, of one that is perfect. McClish (1989) puts it on a scale where
    these are 0.5 and 1:

        (1 + (A - m² / 2) / (m - m² / 2)) / 2

    Args:
        false_alarms: the curve's shares of false alarms, rising from 0 to 1.
        detections: the shares of anomalies that are detected, as many.
        max_false_alarms: m, above 0 and up to 1.

    Returns:
        The area on that scale, a float; for m = 1, the AUC.

    Example:
        The curve through (0, 0), (0, 0.5), (0.5, 1), (1, 1): 0.875; up to 0.2 the area is
        0.2 * (0.5 + 0.7) / 2 = 0.12, which on the scale is 0.7778.
    """
    raise NotImplementedError


def arena_bytes(shapes: Sequence[tuple[int, ...]], in_place: Sequence[bool]) -> int:
    """The memory for tensors that a chain of layers needs in int8: the most of any moment.

    While a layer runs, its input and its output are in memory, and nothing else: what came before
    has been read, what comes later is not there yet. A layer that works in place, as some runtimes
    let a ReLU do that is a layer of its own, writes its output over its input, which is as large.
    Each tensor takes up a multiple of 16 bytes. The weights are in flash, and the batch is 1.

    LiteRT Micro's arena also holds what the interpreter has to know of each layer, 8 bytes for each
    output channel among it. The same network for a larger input needs as much of that: the grader
    holds by how much your number grows against by how much LiteRT Micro's arena does. There no
    layer works in place.

    Args:
        shapes: of the tensors without the batch: the network's input, then each layer's output.
        in_place: of each layer whether it works in place; one less than there are shapes.

    Returns:
        The bytes, a whole number.

    Example:
        Dense layers from 640 to 128 to 128 to 8 numbers: arena_bytes([(640,), (128,), (128,),
        (8,)], [False, False, False]) is 768, while the first one runs.
    """
    raise NotImplementedError
