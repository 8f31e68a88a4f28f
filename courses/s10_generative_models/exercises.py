"""Session 10, exercises: write the functions below, in any order, then grade them with

    python -m courses check s10

A function that is not written yet counts as "to do", whatever the others do. All of them are NumPy,
SciPy where you like. Gradients are held against differences, a divergence against quadrature,
densities and distances against SciPy's, and a sampling step against the diffusion's posterior.
"""

from collections.abc import Callable

import numpy as np


def reparameterised_gradient(
    slope: Callable[[np.ndarray], np.ndarray],
    mean: np.ndarray,
    log_variance: np.ndarray,
    noise: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """The gradient of a loss through the codes that a variational autoencoder draws.

    A code is drawn as mean + deviation * noise, the deviation being exp(log_variance / 2), so that
    it can be differentiated by the mean and by the logarithm of the variance (Kingma and Welling,
    2014, section 2.4). The loss is the mean over the samples of f(code), of whose f the slope is
    known, not f itself. The grader holds your gradients against differences of that mean at the
    same noise.

    Args:
        slope: codes, (samples, dimensions), to the derivatives of f by each of their numbers, of
            the same shape.
        mean: of the codes, (dimensions,).
        log_variance: the natural logarithm of their variance, (dimensions,).
        noise: of mean 0 and variance 1, (samples, dimensions).

    Returns:
        (by_mean, by_log_variance): the loss's derivatives, both (dimensions,).

    Example:
        f(z) = z², mean 1, log variance 0, the noise 1 and -1: the codes are 2 and 0, the slopes 4
        and 0, and the derivatives 2 and 1.
    """
    raise NotImplementedError


def kl_divergence(
    mean: np.ndarray,
    log_variance: np.ndarray,
    prior_mean: np.ndarray,
    prior_log_variance: np.ndarray,
) -> np.ndarray:
    """The Kullback-Leibler divergence of Gaussians of independent numbers from such a prior.

    It is the mean, under the first, of the difference of the two log densities, in nats; of a
    code's numbers the divergences add up. A number that is known all but exactly has a log variance
    of -1500 at the grader's: its variance is 0 in floats, its divergence is not infinite.

    Args:
        mean: (batch, dimensions).
        log_variance: natural logarithms, (batch, dimensions).
        prior_mean: one prior for the whole batch, (dimensions,).
        prior_log_variance: (dimensions,).

    Returns:
        The divergence of each example, (batch,).

    Example:
        From a mean of 0 and a variance of 1: the mean 1 and the variance 1 are 0.5 away, the mean 0
        and the variance 4 are 0.8069 away, and a code of these two numbers is 1.3069 away.
    """
    raise NotImplementedError


def log_weights(
    image: np.ndarray,
    decode: Callable[[np.ndarray], np.ndarray],
    mean: np.ndarray,
    log_variance: np.ndarray,
    noise: np.ndarray,
) -> np.ndarray:
    """The samples' log weights: their mean is the evidence lower bound (ELBO), by Monte Carlo.

    The code z = mean + exp(log_variance / 2) * noise is a sample of the encoder's q(z|x). Its log
    weight is log p(x|z) + log p(z) - log q(z|x): under the decoder a pixel is 1 with the sigmoid of
    its logit as probability, independently of the others; the prior p(z) has mean 0 and variance 1.
    At logits of ±1000 there is no overflow and no warning.

    Args:
        image: pixels of 0 and 1, (pixels,), float or uint8.
        decode: codes, (samples, dimensions), to logits, (samples, pixels).
        mean: of q(z|x), (dimensions,).
        log_variance: natural logarithms, (dimensions,).
        noise: of mean 0 and variance 1, (samples, dimensions).

    Returns:
        The log weights in nats, (samples,).

    Example:
        The pixels 1 and 0, a decoder whose logits are always 0, mean 0, log variance log 4, the
        noise 1: z is 2, log p(x|z) is 2 log 0.5, log p(z) - log q(z|x) is -2 + 0.5 + 0.5 log 4, and
        the log weight is -2.1931.
    """
    raise NotImplementedError


def importance_weighted_bound(log_weights: np.ndarray, k: int) -> float:
    """The bound on the log likelihood that k samples of an image give (Burda et al., 2016).

    Of k samples it is the logarithm of the mean of their weights. An image's samples are taken k at
    a time, the first k, the next k and so on; the result is the mean over these groups and over the
    images. With k = 1 it is the ELBO, and it rises with k. Of weights of exp(-2000) or exp(2000) it
    is known as well, without overflow or warning.

    Args:
        log_weights: natural logarithms, (images, samples).
        k: how many samples a group has; the number of samples is a multiple of it.

    Returns:
        The bound in nats, a float.

    Example:
        One image whose weights are 1 and 3: 0.5493 for k = 1, which is (log 1 + log 3) / 2, and
        0.6931 for k = 2, which is log 2.
    """
    raise NotImplementedError


def optimal_discriminator(real: np.ndarray, generated: np.ndarray) -> tuple[np.ndarray, float]:
    """What the best discriminator of a toy answers, and what the game is worth then.

    An image is one of a few outcomes. For a fixed generator the discriminator D that makes the most
    of  E_real[log D] + E_generated[log(1 - D)]  is known outcome by outcome (Goodfellow et al.,
    2014, proposition 1); here it answers 0.5 where neither ever occurs. What does not occur adds
    nothing to the value, and no warning either.

    Args:
        real: the probability of each outcome in the data, of any shape; they add up to 1.
        generated: the same of the generator, of the same shape.

    Returns:
        (answers, value): D of each outcome, of that shape, and the value of the game, a float: -log
        4 where the generator is perfect, 0 where it is found out each time.

    Example:
        real = [0.5, 0.5, 0], generated = [0.25, 0.25, 0.5]: answers [2/3, 2/3, 0], value log(2/3) +
        0.5 log(1/3) = -0.9548.
    """
    raise NotImplementedError


def gradient_penalty(
    gradient: Callable[[np.ndarray], np.ndarray],
    real: np.ndarray,
    generated: np.ndarray,
    mix: np.ndarray,
    strength: float,
) -> float:
    """What a critic pays for slopes other than 1 between real and generated images (WGAN-GP).

    Between the real image and the generated one of the same place in the batch lies one image:
    `mix` of the real one and the rest of the generated one. There the length of the critic's
    gradient by the whole image should be 1: the squared difference from 1 is averaged over the
    batch and weighted by `strength` (Gulrajani et al., 2017, equation 3).

    Args:
        gradient: images, (batch, height, width, channels), to the derivatives of each one's score
            by its own pixels, of the same shape.
        real: (batch, height, width, channels).
        generated: the same.
        mix: the share of the real image, from 0 to 1, one an example: (batch,).
        strength: the weight, 10 in the paper.

    Returns:
        The penalty, a float.

    Example:
        A critic that adds up the 2 x 2 pixels of an image of one channel: each derivative is 1, the
        length 2, and at a strength of 10 the penalty is 10.
    """
    raise NotImplementedError


def frechet_distance(first: np.ndarray, second: np.ndarray) -> float:
    """How far apart are the Gaussians of two sets of features (Heusel et al., 2017).

    With the means m and the covariances C (sums over n - 1) it is

        |m1 - m2|² + trace(C1 + C2 - 2 (C1 C2)^(1/2))

    where the root is that of a matrix. It is not squared again, nor is its root taken. Of fewer
    examples than dimensions a covariance is singular: what rounding makes of a root of 0 must not
    become NaN or a complex number. Differences below a thousandth are let pass.

    Args:
        first: features, (examples, dimensions).
        second: the same, of another number of examples.

    Returns:
        The distance, a float.

    Example:
        first = [[-1], [1]], second = [[1], [5]]: means 0 and 3, variances 2 and 8; 9 + 2 + 8 - 2 *
        4 = 11.
    """
    raise NotImplementedError


def mode_coverage(probabilities: np.ndarray, confidence: float) -> tuple[float, str]:
    """Whether a generator has collapsed, by what a classifier answers to its samples.

    A sample counts for its most probable class if that probability is at least `confidence`;
    otherwise it is not recognised. A class is covered if it gets at least half of an even share of
    the recognised samples, which is half of their number over the number of classes; where none is
    recognised, no class is covered. The coverage is the share of the classes that are covered. The
    verdict is

    - "unrecognisable" if less than half of the samples are recognised, whatever the coverage;
    - "collapsed" if the coverage is below 0.8;
    - "covered" otherwise.

    Args:
        probabilities: of each sample the classifier's softmax, (samples, classes).
        confidence: from above 0.5 to 1.

    Returns:
        (coverage, verdict): a float from 0 to 1, and one of the three words.

    Example:
        Four samples of two classes, [0.9, 0.1], [0.8, 0.2], [0.95, 0.05], [0.4, 0.6], confidence
        0.75: three are recognised, all of the first class: (0.5, "collapsed").
    """
    raise NotImplementedError


def copying(
    generated: np.ndarray, training: np.ndarray, held_out: np.ndarray
) -> tuple[np.ndarray, float]:
    """Which training image is nearest to each generated one, and whether that is too near.

    Distances are Euclidean, over all pixels. How near is too near, the held-out images tell, which
    the generator has never seen: the score is the probability that a generated image lies nearer to
    its nearest training image than a held-out image to its own, any one of the former against any
    one of the latter; equal distances count half (the statistic of Meehan et al., 2020). About 0.5
    is honest, 1 is a copier.

    Args:
        generated: pixels of 0-255, (examples, height, width, channels), uint8 or a float type.
        training: what the generator was trained on, the same but for the number of examples.
        held_out: real images that it was not trained on, the same.

    Returns:
        (nearest, score): the index into `training` of each generated image's nearest one, the first
        of equals, (examples,); and the score, a float.

    Example:
        Images of one pixel, training 0 and 10, generated 9 and 2, held out 2 and 7: nearest [1, 0],
        distances 1 and 2 against 2 and 3, score (1 + 1 + 0.5 + 1) / 4 = 0.875.
    """
    raise NotImplementedError


def signal_to_noise(schedule: str, steps: int) -> np.ndarray:
    """How much of an image is left at each step of a diffusion's noise schedule, in decibels.

    Step t = 1 ... T keeps 1 - b_t of the variance that came in and adds b_t of noise; a_t is the
    product of 1 - b_1 to 1 - b_t. The ratio is a_t over 1 - a_t, the decibels are 10 log10 of it.

    "linear" (Ho et al., 2020): b rises evenly from 0.0001, at the first step, to 0.02, at the last.

    "cosine" (Nichol and Dhariwal, 2021): with g(t) = cos²((t/T + 0.008) / 1.008 * pi/2), b_t is 1 -
    g(t) / g(t - 1), but 0.999 at most.

    Args:
        schedule: "linear" or "cosine".
        steps: T, 2 or more.

    Returns:
        The signal-to-noise ratio after each step, (steps,), in decibels.

    Raises:
        ValueError: another name of a schedule.

    Example:
        linear, 2 steps: a is 0.9999 and 0.9999 * 0.98 = 0.9799, the ratios 9999 and 48.76, that is
        40.00 and 16.88 dB. cosine, 2 steps: -0.11 and -33.06 dB.
    """
    raise NotImplementedError


def ddim_step(
    images: np.ndarray,
    predicted: np.ndarray,
    signal: float,
    next_signal: float,
    eta: float,
    fresh: np.ndarray,
) -> np.ndarray:
    """One step of a diffusion model's sampling, to images with less noise (Song et al., 2021).

    `signal` is the share a of the images' variance that is signal: they are sqrt(a) times clean
    images plus sqrt(1 - a) times noise of variance 1, which the network has predicted. With the
    clean images that follow from it, the next ones are, b being `next_signal`,

        sqrt(b) * clean + sqrt(1 - b - s²) * predicted + s * fresh

        s = eta * sqrt((1 - b) / (1 - a)) * sqrt(1 - a / b)

    (equations 12 and 16). With eta = 0 nothing is drawn, DDIM; eta = 1 is DDPM. Nothing is clipped.
    In the last step b is 1.

    Args:
        images: of this step, (batch, height, width, channels).
        predicted: the noise that the network sees in them, of the same shape.
        signal: a, above 0 and below 1.
        next_signal: b, above a and up to 1.
        eta: from 0 to 1.
        fresh: noise of variance 1, drawn anew, of the same shape.

    Returns:
        The images of the next step, of the same shape.

    Example:
        The pixel 1.4, the noise 1, a = 0.64, b = 0.81: the clean pixel is 1. eta = 0 gives 0.9 +
        0.4359 = 1.3359; eta = 1 gives 0.9 + 0.2815 + 0.3328 * fresh.
    """
    raise NotImplementedError
