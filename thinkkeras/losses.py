"""Losses that Keras lacks: boxes, masks, label maps, texts, pairs of views, likelihoods, games."""

import math

import keras
from keras import KerasTensor, ops

# Locations of each object whose masks are compared: those that suit it best.
MASKED_LOCATIONS = 2


@keras.saving.register_keras_serializable("thinkkeras")
def ciou(true: KerasTensor, predicted: KerasTensor) -> KerasTensor:
    """Complete-IoU loss of each box: overlap, distance of the centres, and shape.

    It is 1 - IoU + d² / c² + a v, with d the distance of the centres, c the diagonal of the
    smallest box around both, and v = (4 / π²) (atan(w / h) - atan(w' / h'))². The weight
    a = v / (1 - IoU + v) counts as a constant, and is 0 below an IoU of 0.5. So the shape matters
    only where both boxes have one, and the gradient stays finite for any predicted box, be it a
    point, a line or turned inside out. Numbers are the same in pixels and in normalised units.
    (One minus Keras's own `compute_ciou` agrees for plain boxes, but turns NaN at a point and
    costs 0.02 for a perfect box of 0.003 of the image; keras-cv's loss squares 4 / π² too.)

    Args:
        true: Boxes `(…, 4)` as left, top, right, bottom. One without area is padding: its loss
            and its gradient are 0.
        predicted: Boxes `(…, 4)` in the same units.

    Returns:
        A loss for each box, `(…,)`: 0 where the boxes agree, less than 2 otherwise.

    Source: Zheng et al., "Enhancing Geometric Factors in Model Learning and Inference for Object
    Detection and Instance Segmentation", IEEE Transactions on Cybernetics, 2022, equations 8-11.
    """
    predicted = ops.convert_to_tensor(predicted)
    true = ops.cast(true, predicted.dtype)
    padding = _area(true) <= 0
    # A whole box stands in for padding: what is selected away must not divide by zero either.
    true = ops.where(padding[..., None], ops.cast([0, 0, 1, 1], predicted.dtype), true)
    overlap = ops.maximum(
        ops.minimum(true[..., 2:], predicted[..., 2:])
        - ops.maximum(true[..., :2], predicted[..., :2]),
        0,
    )
    intersection = overlap[..., 0] * overlap[..., 1]
    iou = intersection / (_area(true) + _area(predicted) - intersection)
    # Over all four corners: a predicted box may be turned inside out.
    corners = ops.stack([true[..., :2], true[..., 2:], predicted[..., :2], predicted[..., 2:]])
    diagonal = ops.sum(ops.square(ops.max(corners, axis=0) - ops.min(corners, axis=0)), axis=-1)
    shift = (true[..., :2] + true[..., 2:] - predicted[..., :2] - predicted[..., 2:]) / 2
    distance = ops.sum(ops.square(shift), axis=-1) / diagonal
    near = iou >= 0.5
    difference = _angle(true, near) - _angle(predicted, near)
    shape = 4 / math.pi**2 * ops.square(difference)
    weight = shape / ops.maximum(1 - iou + shape, keras.config.epsilon())
    loss = 1 - iou + distance + ops.stop_gradient(weight) * shape
    return ops.where(padding, ops.zeros_like(loss), loss)


@keras.saving.register_keras_serializable("thinkkeras")
def sparse_dice(true: KerasTensor, predicted: KerasTensor) -> KerasTensor:
    """Dice loss of label maps: `keras.losses.dice` for each class, over the whole batch.

    Keras's own takes one-hot maps only. A class that the batch lacks would cost 1 whatever is
    predicted, so it is left out; a batch that shows the rare classes teaches them.

    Args:
        true: Class ids, `(batch, height, width)`. Ids outside the classes, as 255 for "void",
            count neither as right nor as wrong.
        predicted: Softmax probabilities, `(batch, height, width, classes)`.

    Returns:
        A scalar: 0 where all is right, 1 where nothing is.

    Source: Milletari et al., "V-Net: Fully Convolutional Neural Networks for Volumetric Medical
    Image Segmentation", 3DV 2016.
    """
    true, predicted = _one_hot(true, predicted)
    # One-hot rows of ids outside the classes are empty.
    known = ops.sum(true, axis=-1, keepdims=True)
    losses = keras.losses.dice(true, predicted * known, axis=(0, 1, 2))
    present = ops.cast(ops.any(true > 0, axis=(0, 1, 2)), losses.dtype)
    return ops.sum(losses * present) / ops.maximum(ops.sum(present), 1)


@keras.saving.register_keras_serializable("thinkkeras")
def sparse_focal_crossentropy(
    true: KerasTensor, predicted: KerasTensor, gamma: float = 2.0
) -> KerasTensor:
    """Focal crossentropy of label maps: `keras.losses.categorical_focal_crossentropy`.

    Args:
        true: Class ids, `(batch, height, width)`. Ids outside the classes cost nothing.
        predicted: Softmax probabilities, `(batch, height, width, classes)`.
        gamma: How little easy pixels count; 0 is the crossentropy.

    Returns:
        A loss for each pixel, `(batch, height, width)`.

    Source: Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017.
    """
    true, predicted = _one_hot(true, predicted)
    return keras.losses.categorical_focal_crossentropy(true, predicted, alpha=1.0, gamma=gamma)


def mask_loss(
    weights: KerasTensor,
    boxes: KerasTensor,
    masks: KerasTensor,
    coefficients: KerasTensor,
    prototypes: KerasTensor,
) -> KerasTensor:
    """Crossentropy of the objects' masks inside their boxes, mixed from prototypes.

    Compared are the masks of each object's best locations, weighted with how well they suit.

    Args:
        weights: How well each of N locations suits each of M objects, `(batch, M, N)`: the
            `weights` of `thinkkeras.detection.Assignment`.
        boxes: True boxes `(batch, M, 4)` in pixels.
        masks: 1 where an object is seen, `(batch, M, height, width)`.
        coefficients: Predicted, `(batch, N, K)`.
        prototypes: Predicted, `(batch, h, w, K)`.

    Returns:
        A scalar: the mean over the objects' pixels inside their boxes, then over the objects.

    Source: Bolya, Zhou, Xiao and Lee, "YOLACT: Real-time Instance Segmentation", ICCV 2019,
    section 3.1.
    """
    count, (rows, columns) = boxes.shape[1], prototypes.shape[1:3]
    step = masks.shape[2] // rows
    best, places = ops.top_k(weights, MASKED_LOCATIONS)  # (batch, M, MASKED_LOCATIONS)
    flat = ops.reshape(places, (-1, count * MASKED_LOCATIONS, 1))
    mixed = ops.take_along_axis(coefficients, flat, axis=1)
    logits = ops.einsum("bik,bhwk->bihw", mixed, prototypes)
    logits = ops.reshape(logits, (-1, count, MASKED_LOCATIONS, rows, columns))
    # The fraction of each prototype's pixel that the object covers.
    true = ops.reshape(ops.cast(masks, logits.dtype), (-1, count, rows, step, columns, step))
    true = ops.mean(true, axis=(3, 5))[:, :, None]
    true = ops.broadcast_to(true, ops.shape(logits))
    loss = ops.binary_crossentropy(true, logits, from_logits=True)
    inside = _inside(boxes / step, rows, columns)[:, :, None]
    loss = ops.sum(loss * inside, axis=(3, 4)) / ops.maximum(ops.sum(inside, axis=(3, 4)), 1.0)
    return ops.sum(loss * best) / ops.maximum(ops.sum(best), 1.0)


def _area(boxes: KerasTensor) -> KerasTensor:
    sides = ops.maximum(boxes[..., 2:] - boxes[..., :2], 0)
    return sides[..., 0] * sides[..., 1]


def _angle(boxes: KerasTensor, where: KerasTensor) -> KerasTensor:
    """atan(width / height) of the boxes that `where` selects, of a square elsewhere."""
    sides = ops.where(where[..., None], boxes[..., 2:] - boxes[..., :2], 1)
    return ops.arctan(sides[..., 0] / sides[..., 1])


def _inside(boxes: KerasTensor, rows: int, columns: int) -> KerasTensor:
    """1 at the pixels that a box touches, `(batch, M, rows, columns)`."""
    x, y = ops.arange(columns, dtype=boxes.dtype), ops.arange(rows, dtype=boxes.dtype)
    left, top, right, bottom = (boxes[..., side, None] for side in range(4))
    across, down = (x + 1 > left) & (x < right), (y + 1 > top) & (y < bottom)
    return ops.cast(down[..., None] & across[..., None, :], boxes.dtype)


def _one_hot(true: KerasTensor, predicted: KerasTensor) -> tuple[KerasTensor, KerasTensor]:
    predicted = ops.convert_to_tensor(predicted)
    true = ops.convert_to_tensor(true)
    if len(true.shape) == len(predicted.shape) and true.shape[-1] == 1:
        true = ops.squeeze(true, axis=-1)  # as Keras's own sparse losses do
    if len(true.shape) != 3 or len(predicted.shape) != 4:
        raise ValueError(
            "expected class ids (batch, height, width) and probabilities (batch, height, width, "
            f"classes), received {tuple(true.shape)} and {tuple(predicted.shape)}"
        )
    return ops.one_hot(ops.cast(true, "int32"), predicted.shape[-1]), predicted


@keras.saving.register_keras_serializable("thinkkeras")
class SmoothedTokenCrossentropy(keras.losses.Loss):
    """Cross-entropy of the next token with smoothed labels, the mean over what is no padding.

    The right token is asked to have the probability 1 - s + s / V, each other one s / V. Keras's
    sparse cross-entropy has no smoothing, and its dense one needs a row of V numbers a token.

    Args:
        label_smoothing: s, from 0 up to, not including, 1.
        padding: The token that counts for nothing.

    Source: Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", CVPR 2016,
    section 7; Vaswani et al., "Attention Is All You Need", NIPS 2017, section 5.4.
    """

    def __init__(
        self,
        label_smoothing: float = 0.1,
        padding: int = 0,
        name: str = "smoothed_token_crossentropy",
        **options: object,
    ):
        super().__init__(name=name, **options)
        if not 0 <= label_smoothing < 1:
            raise ValueError(
                f"expected label_smoothing from 0 to less than 1, received {label_smoothing}"
            )
        self.label_smoothing, self.padding = label_smoothing, padding

    def call(self, true: KerasTensor, logits: KerasTensor) -> KerasTensor:
        """The loss of tokens `(batch, steps)` and logits `(batch, steps, vocabulary)`, a scalar."""
        true = ops.cast(true, "int32")
        log_probabilities = ops.log_softmax(logits, axis=-1)
        right = ops.take_along_axis(log_probabilities, ops.expand_dims(true, -1), axis=-1)[..., 0]
        smoothing = self.label_smoothing
        losses = (smoothing - 1) * right - smoothing * ops.mean(log_probabilities, axis=-1)
        counted = ops.cast(ops.not_equal(true, self.padding), losses.dtype)
        return ops.sum(losses * counted) / ops.maximum(ops.sum(counted), 1)

    def get_config(self) -> dict[str, object]:
        return super().get_config() | {
            "label_smoothing": self.label_smoothing,
            "padding": self.padding,
        }


@keras.saving.register_keras_serializable("thinkkeras")
class NTXent(keras.losses.Loss):
    """Normalized, temperature-scaled cross-entropy: which of all views is of the same image?

    For each of the 2N views of a batch, the cosines to all the others, over the temperature, are
    the logits of a classification whose right answer is the image's other view.

    Args:
        temperature: What cosines are divided by; a low one makes the hard ones count.

    Source: Chen, Kornblith, Norouzi and Hinton, "A Simple Framework for Contrastive Learning of
    Visual Representations", ICML 2020, equation 1.
    """

    def __init__(self, temperature: float = 0.2, name: str = "nt_xent", **options: object) -> None:
        super().__init__(name=name, **options)
        if temperature <= 0:
            raise ValueError(f"expected a positive temperature, received {temperature}")
        self.temperature = temperature

    def call(self, true: KerasTensor, views: KerasTensor) -> KerasTensor:
        """The loss of each image, `(batch,)`, of its views `(batch, 2, dimensions)`.

        The views are of length 1, as `thinkkeras.models.contrastive_net` gives them; `true` isn't
        looked at.
        """
        batch = ops.shape(views)[0]
        rows = ops.concatenate([views[:, 0], views[:, 1]], axis=0)
        logits = ops.matmul(rows, ops.transpose(rows)) / self.temperature
        # No view is compared with itself.
        logits = logits - 1e9 * ops.eye(2 * batch, dtype=logits.dtype)
        right = ops.concatenate([batch + ops.arange(batch), ops.arange(batch)], axis=0)
        losses = ops.sparse_categorical_crossentropy(right, logits, from_logits=True)
        return (losses[:batch] + losses[batch:]) / 2

    def get_config(self) -> dict:
        return super().get_config() | {"temperature": self.temperature}


def gaussian_kl(mean: KerasTensor, log_variance: KerasTensor) -> KerasTensor:
    """How far a Gaussian with independent numbers is from the standard one, KL(N(m, v) || N(0, 1)).

    Args:
        mean: `(batch, numbers)`.
        log_variance: Natural logarithms of the variances, of the same shape.

    Returns:
        Nats, `(batch,)`.

    Source: Kingma and Welling, "Auto-Encoding Variational Bayes", ICLR 2014, appendix B.
    """
    each = ops.square(mean) + ops.exp(log_variance) - log_variance - 1
    return 0.5 * ops.sum(each, axis=-1)


def gaussian_log_density(
    x: KerasTensor, mean: KerasTensor, log_variance: KerasTensor
) -> KerasTensor:
    """The logarithm of a Gaussian's density, its numbers independent: nats.

    Args:
        x: `(batch, …)`.
        mean: Of the same shape, or one that is broadcast to it.
        log_variance: The same.

    Returns:
        `(batch,)`, summed over all axes but the first.
    """
    each = ops.square(x - mean) * ops.exp(-log_variance) + log_variance + math.log(2 * math.pi)
    return -0.5 * _sum_of_each(each)


def bernoulli_log_likelihood(x: KerasTensor, logits: KerasTensor) -> KerasTensor:
    """The logarithm of the probability of binary pixels: nats.

    Args:
        x: Pixels of 0 or 1, `(batch, …)`.
        logits: Logarithms of the odds of a 1, of the same shape.

    Returns:
        `(batch,)`, summed over all axes but the first.
    """
    return _sum_of_each(x * logits - ops.softplus(logits))


def non_saturating_loss(real: KerasTensor, fake: KerasTensor) -> tuple[KerasTensor, KerasTensor]:
    """What discriminator and generator of a GAN minimise: crossentropies of real and fake.

    Args:
        real: The discriminator's logits of real examples, `(batch, 1)`.
        fake: Those of generated ones.

    Returns:
        The discriminator's loss and the generator's, scalars. An undecided discriminator has
        2 ln 2, its generator ln 2.

    Source: Goodfellow et al., "Generative Adversarial Nets", NIPS 2014, section 3.
    """
    discriminator = ops.mean(ops.softplus(-real)) + ops.mean(ops.softplus(fake))
    return discriminator, ops.mean(ops.softplus(-fake))


def minimax_loss(real: KerasTensor, fake: KerasTensor) -> tuple[KerasTensor, KerasTensor]:
    """The game as theory has it: the generator maximises what the discriminator minimises.

    Its generator learns next to nothing from a discriminator that is sure. Arguments, returned
    values and source are those of `non_saturating_loss`; the equation is the first.
    """
    discriminator = ops.mean(ops.softplus(-real)) + ops.mean(ops.softplus(fake))
    return discriminator, -ops.mean(ops.softplus(fake))


def wasserstein_loss(real: KerasTensor, fake: KerasTensor) -> tuple[KerasTensor, KerasTensor]:
    """What a critic and its generator minimise: differences of the critic's means.

    Args:
        real: The critic's numbers of real examples, `(batch, 1)`.
        fake: Those of generated ones.

    Returns:
        The critic's loss, which for the best 1-Lipschitz critic is minus the Wasserstein distance,
        and the generator's, scalars.

    Source: Arjovsky, Chintala and Bottou, "Wasserstein GAN", ICML 2017, section 3.
    """
    return ops.mean(fake) - ops.mean(real), -ops.mean(fake)


def _sum_of_each(x: KerasTensor) -> KerasTensor:
    return ops.sum(x, axis=tuple(range(1, len(x.shape))))
