"""The losses, against numbers computed by hand."""

import keras
import keras_cv
import numpy as np
import pytest
from keras import ops
from scipy.stats import norm

from thinkkeras.losses import (
    NTXent,
    SmoothedTokenCrossentropy,
    bernoulli_log_likelihood,
    ciou,
    gaussian_kl,
    gaussian_log_density,
    mask_loss,
    minimax_loss,
    non_saturating_loss,
    sparse_dice,
    sparse_focal_crossentropy,
    wasserstein_loss,
)


def gradient(true, predicted):
    """Of the summed loss with respect to the predicted boxes, compiled as `fit` does it."""
    import tensorflow as tf

    @tf.function
    def compute(boxes):
        with tf.GradientTape() as tape:
            tape.watch(boxes)
            loss = ops.sum(ciou(tf.constant(true, tf.float32), boxes))
        return tape.gradient(loss, boxes)

    return compute(tf.constant(predicted, tf.float32)).numpy()


@pytest.mark.parametrize(
    ("true", "predicted", "expected"),
    [
        pytest.param([0, 0, 10, 10], [0, 0, 10, 10], 0, id="perfect"),
        # IoU 50 / 150, centres 5 apart, diagonal² 15² + 10².
        pytest.param([0, 0, 10, 10], [5, 0, 15, 10], 1 - 1 / 3 + 25 / 325, id="half"),
        pytest.param([0, 0, 10, 10], [20, 20, 30, 30], 1 + 800 / 1800, id="apart"),
        # Same centre, IoU 0.25: below 0.5 the shape does not count.
        pytest.param([0, 0, 20, 10], [5, -5, 15, 15], 1 - 100 / 300, id="far shape"),
        # IoU 0.6, centres 2 apart; v = 4/π² (π/4 - atan(10/6))² = 0.0243230, a v = v²/(0.4 + v).
        pytest.param([0, 0, 10, 10], [0, 0, 10, 6], 0.4 + 4 / 200 + 0.0013942, id="near shape"),
        pytest.param([0, 0, 10, 10], [0, 5, 10, 5], 1, id="a line"),
        pytest.param([0, 0, 10, 20], [5, 5, 5, 5], 1 + 25 / 500, id="a point"),
        pytest.param([0, 0, 10, 10], [8, 8, 2, 2], 1, id="inside out"),
        pytest.param([0, 0, 10, 10], [30, 0, 20, 10], 1 + 400 / 1000, id="inside out and apart"),
        pytest.param([0, 0, 0, 0], [0, 0, 10, 10], 0, id="padding"),
        pytest.param([-1, -1, -1, -1], [-1, -1, -1, -1], 0, id="padding of -1"),
    ],
)
@pytest.mark.parametrize("scale", [1, 1e-3])
def test_ciou_by_hand(true, predicted, expected, scale):
    true, predicted = scale * np.float32([true]), scale * np.float32([predicted])
    np.testing.assert_allclose(ciou(true, predicted), [expected], atol=2e-6)


def test_ciou_counts_the_shape_once():
    """The same formula as Keras's where IoU is at least 0.5 and no box is small.

    keras-cv's squares the factor 4 / π² too.
    """
    generator = np.random.default_rng(0)
    true = np.float32([[50, 40, 150, 180]]) + generator.uniform(-5, 5, (200, 4))
    predicted = true + generator.uniform(-12, 12, true.shape)
    expected = 1 - keras.utils.bounding_boxes.compute_ciou(true, predicted, "xyxy")
    np.testing.assert_allclose(ciou(true, predicted), expected, atol=1e-5)
    wrong = keras_cv.losses.CIoULoss("xyxy", reduction="none")(true, predicted)
    assert np.abs(wrong - expected).max() > 1e-4


@pytest.mark.parametrize(
    "predicted",
    [[0, 5, 10, 5], [5, 5, 5, 5], [5, 0, 5, 10], [8, 8, 2, 2], [0, 1e-7, 10, 0], [0, 0, 10, 20]],
)
def test_ciou_has_a_finite_gradient(predicted):
    true = [[0, 0, 10, 20], [0, 0, 0, 0], [3, 3, 3, 9], [-1, -1, -1, -1]]
    of_true, *of_padding = gradient(true, [predicted] * 4)
    assert np.isfinite(of_true).all() and np.abs(of_true).max() <= 0.2
    assert not np.any(of_padding)


def test_ciou_gradient_by_hand():
    # Moved by t to the right: IoU = (10 - t) / (10 + t), d² = t², c² = (10 + t)² + 100.
    # At t = 5 the loss grows by 20 / 225 + (2 t c² - t² 2 (10 + t)) / c⁴ = 0.0888889 + 0.0236686.
    left, _, right, _ = gradient([[0, 0, 10, 10]], [[5, 0, 15, 10]])[0]
    np.testing.assert_allclose(left + right, 0.0888889 + 0.0236686, atol=1e-6)


def test_ciou_holds_its_weight_constant():
    # Widening a centred box from 8 of 10: IoU = w / 10, and of a v only v has a gradient.
    true, width = [[0, 0, 10, 10]], 8.0
    left, _, right, _ = gradient(true, [[1, 0, 9, 10]])[0]
    difference = np.pi / 4 - np.arctan(width / 10)
    v = 4 / np.pi**2 * difference**2
    slope = -8 / np.pi**2 * difference * 10 / (width**2 + 100)
    expected = -1 / 10 + v / (1 - 0.8 + v) * slope
    np.testing.assert_allclose((right - left) / 2, expected, rtol=1e-4)


def one_hot_like(ids, classes, sure):
    """Probabilities: `sure` for the class of the pixel, the rest spread over the others."""
    eye = np.eye(classes, dtype=np.float32)[np.asarray(ids)]
    return sure * eye + (1 - sure) / (classes - 1) * (1 - eye)


def test_sparse_dice_by_hand():
    true = np.array([[[0, 0], [0, 1]]])
    predicted = np.float32([[[[1, 0, 0], [1, 0, 0]], [[0, 1, 0], [0, 0.5, 0.5]]]])
    # Class 0: 2·2 / (3 + 2); class 1: 2·0.5 / (1 + 1.5); class 2 occurs nowhere.
    expected = ((1 - 4 / 5) + (1 - 1 / 2.5)) / 2
    np.testing.assert_allclose(sparse_dice(true, predicted), expected, rtol=1e-5)
    np.testing.assert_allclose(sparse_dice(true[..., None], predicted), expected, rtol=1e-5)
    perfect = one_hot_like(true, 3, 1.0)
    np.testing.assert_allclose(sparse_dice(true, perfect), 0, atol=1e-6)


def test_sparse_dice_leaves_void_out():
    true = np.array([[[0, 1], [255, 255]]])
    predicted = one_hot_like([[[0, 1], [1, 0]]], 2, 1.0)
    np.testing.assert_allclose(sparse_dice(true, predicted), 0, atol=1e-6)
    assert sparse_dice(np.array([[[0, 1], [0, 1]]]), predicted) > 0.4


def test_sparse_focal_crossentropy_by_hand():
    true = np.array([[[0, 2], [1, 255]]])
    predicted = one_hot_like([[[0, 2], [0, 0]]], 3, 0.8)
    easy, hard = -(0.2**2) * np.log(0.8), -(0.9**2) * np.log(0.1)
    loss = sparse_focal_crossentropy(true, predicted)
    np.testing.assert_allclose(loss, [[[easy, easy], [hard, 0]]], rtol=1e-4)
    plain = keras.losses.sparse_categorical_crossentropy(true[:, :1], predicted[:, :1])
    loss = sparse_focal_crossentropy(true[:, :1], predicted[:, :1], gamma=0.0)
    np.testing.assert_allclose(loss, plain, rtol=1e-5)


@pytest.mark.parametrize("loss", [sparse_dice, sparse_focal_crossentropy])
def test_maps_of_another_shape_are_refused(loss):
    with pytest.raises(ValueError, match=r"received \(1, 2, 2, 3\) and \(1, 2, 2, 3\)"):
        loss(np.zeros((1, 2, 2, 3)), np.zeros((1, 2, 2, 3)))


@pytest.mark.parametrize(
    ("loss", "shape", "layer"),
    [
        (sparse_dice, (4, 4, 3), keras.layers.Conv2D(2, 1, activation="softmax")),
        (sparse_focal_crossentropy, (4, 4, 3), keras.layers.Conv2D(2, 1, activation="softmax")),
        (ciou, (4,), keras.layers.Dense(4, kernel_initializer="identity")),
    ],
)
def test_losses_train_and_are_saved(loss, shape, layer, tmp_path):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input(shape), layer])
    model.compile(keras.optimizers.Adam(0.05), loss, jit_compile=False)
    x = np.random.default_rng(0).uniform(0.2, 1, (16, *shape)).astype(np.float32)
    y = (x[..., 0] > 0.6).astype(np.int32)
    if loss is ciou:
        x = x + np.float32([0, 0, 1, 1])
        y = x * [0, 0, 1, 1]
    history = model.fit(x, y, epochs=30, verbose=0).history["loss"]
    assert history[-1] < 0.8 * history[0]
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.evaluate(x, y, verbose=0), model.evaluate(x, y, verbose=0))


def drawn_masks():
    """Two objects of 16 x 16 pixels, 8 x 8 in prototypes' pixels: boxes, and masks (0 or 1)."""
    boxes = np.float32([[[0, 0, 8, 8], [4, 4, 16, 12], [-1, -1, -1, -1]]])
    masks = np.zeros((1, 3, 16, 16), "uint8")
    masks[0, 0, :8, :8] = 1
    masks[0, 0, 4:, 4:] = 0
    masks[0, 1, 4:12, 4:16] = 1
    masks[0, 1, 4:8, 4:8] = 0
    return boxes, masks


def at_locations(*places):
    """Weights (1, 3, 6): for each object the locations and how well they suit."""
    weights = np.zeros((1, 3, 6), "float32")
    for object_, place, weight in places:
        weights[0, object_, place] = weight
    return weights


def test_perfect_masks_cost_nothing_and_inverted_ones_much():
    boxes, masks = drawn_masks()
    # A prototype for each object, ±1; coefficients of 20 choose one.
    small = masks[0, :2, ::2, ::2].transpose(1, 2, 0)
    prototypes = (2.0 * small - 1)[None].astype("float32")
    coefficients = np.zeros((1, 6, 2), "float32")
    coefficients[0, 4], coefficients[0, 1] = [20, 0], [0, 20]
    weights = at_locations((0, 4, 1), (1, 1, 1))
    assert mask_loss(weights, boxes, masks, coefficients, prototypes) < 1e-6
    inverted = mask_loss(weights, boxes, masks, -coefficients, prototypes)
    np.testing.assert_allclose(inverted, 20, rtol=1e-5)
    # One of the two is right.
    coefficients[0, 1] *= -1
    half = mask_loss(weights, boxes, masks, coefficients, prototypes)
    np.testing.assert_allclose(half, 10, rtol=1e-5)
    # Outside of the boxes nothing counts.
    prototypes[:, :, :2, 0], prototypes[0, 7, :, 0] = prototypes[:, :, :2, 0], 5
    np.testing.assert_allclose(
        mask_loss(weights, boxes, masks, coefficients, prototypes), half, rtol=1e-6
    )
    # Without an idea, ln 2 for each pixel; without objects, nothing.
    none = np.zeros_like(coefficients)
    np.testing.assert_allclose(
        mask_loss(weights, boxes, masks, none, prototypes), np.log(2), rtol=1e-5
    )
    assert mask_loss(0 * weights, boxes, masks, coefficients, prototypes) == 0


def test_mask_loss_is_what_numpy_computes():
    rng = np.random.default_rng(0)
    boxes, masks = drawn_masks()
    boxes[0, 0] = [1, 3, 9.5, 7]
    prototypes = rng.uniform(0, 2, (1, 8, 8, 3)).astype("float32")
    coefficients = rng.uniform(-1, 1, (1, 6, 3)).astype("float32")
    # Of three locations the best two count.
    weights = at_locations((0, 2, 1), (0, 5, 0.25), (0, 0, 0.2), (1, 3, 1))
    total = 0
    for object_, place, weight in ((0, 2, 1), (0, 5, 0.25), (1, 3, 1)):
        left, top, right, bottom = boxes[0, object_] / 2
        rows, columns = slice(int(top), int(np.ceil(bottom))), slice(int(left), int(np.ceil(right)))
        logits = (prototypes[0] @ coefficients[0, place])[rows, columns]
        covered = masks[0, object_].reshape(8, 2, 8, 2).mean(axis=(1, 3))[rows, columns]
        sure = 1 / (1 + np.exp(-logits))
        each = -covered * np.log(sure) - (1 - covered) * np.log(1 - sure)
        total += weight * each.mean()
    received = mask_loss(weights, boxes, masks, coefficients, prototypes)
    np.testing.assert_allclose(received, total / 2.25, rtol=1e-5)


def test_masks_of_a_batch_and_of_oblong_images_do_not_mix():
    rng = np.random.default_rng(1)
    boxes = np.float32([[[4, 4, 20, 12]], [[8, 0, 24, 15]]])
    masks = rng.integers(0, 2, (2, 1, 16, 24)).astype("uint8")
    prototypes = rng.uniform(0, 2, (2, 4, 6, 3)).astype("float32")
    coefficients = rng.uniform(-1, 1, (2, 5, 3)).astype("float32")
    weights = np.eye(5, dtype="float32")[[[3], [1]]]
    arguments = (weights, boxes, masks, coefficients, prototypes)
    alone = [float(mask_loss(*(one[i : i + 1] for one in arguments))) for i in range(2)]
    assert abs(alone[0] - alone[1]) > 0.01
    np.testing.assert_allclose(
        ops.convert_to_numpy(mask_loss(*arguments)), np.mean(alone), rtol=1e-5
    )


def test_smoothed_labels_are_keras_dense_ones_without_the_padding():
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(2, 4, 5)).astype("float32")
    true = np.array([[1, 4, 2, 0], [3, 0, 0, 0]])
    dense = keras.losses.CategoricalCrossentropy(
        from_logits=True, label_smoothing=0.2, reduction="none"
    )
    losses = keras.ops.convert_to_numpy(dense(np.eye(5, dtype="float32")[true], logits))
    expected = losses[true != 0].mean()
    loss = SmoothedTokenCrossentropy(0.2)
    assert float(loss(true, logits)) == pytest.approx(expected, abs=1e-6)
    again = SmoothedTokenCrossentropy.from_config(loss.get_config())
    assert float(again(true, logits)) == pytest.approx(expected, abs=1e-6)
    assert float(loss(np.zeros((1, 4)), logits[:1])) == 0
    with pytest.raises(ValueError, match="expected label_smoothing from 0 to less than 1"):
        SmoothedTokenCrossentropy(1.0)


def test_nt_xent_by_hand():
    generator = np.random.default_rng(0)
    views = generator.normal(size=(3, 2, 4)).astype("float32")
    views /= np.linalg.norm(views, axis=-1, keepdims=True)
    expected = np.zeros(3)
    flat = [(image, view) for image in range(3) for view in range(2)]
    for image, view in flat:
        own = views[image, view]
        others = [views[each] @ own / 0.5 for each in flat if each != (image, view)]
        right = views[image, 1 - view] @ own / 0.5
        expected[image] -= (right - np.log(np.sum(np.exp(others)))) / 2
    np.testing.assert_allclose(NTXent(0.5).call(None, views), expected, rtol=1e-5)
    assert NTXent.from_config(NTXent(0.5).get_config()).temperature == 0.5
    with pytest.raises(ValueError, match="expected a positive temperature, received 0"):
        NTXent(0)


def test_the_kl_of_gaussians_is_closed_and_that_of_many_draws():
    rng = np.random.default_rng(0)
    mean, log_variance = np.array([[0.5, -2.0]]), np.array([[0.7, -1.0]])
    expected = 0.5 * (0.25 + np.exp(0.7) - 0.7 - 1 + 4 + np.exp(-1) + 1 - 1)
    found = np.asarray(gaussian_kl(mean.astype("f4"), log_variance.astype("f4")))
    np.testing.assert_allclose(found, [expected], rtol=1e-5)
    deviation = np.exp(log_variance / 2)
    z = mean + deviation * rng.normal(size=(200_000, 2))
    drawn = (norm.logpdf(z, mean, deviation) - norm.logpdf(z)).sum(axis=1).mean()
    assert drawn == pytest.approx(expected, rel=0.01)
    np.testing.assert_allclose(gaussian_kl(np.zeros((3, 2), "f4"), np.zeros((3, 2), "f4")), 0)


def test_log_densities_are_scipys():
    rng = np.random.default_rng(0)
    x, mean, log_variance = rng.normal(size=(3, 4, 2, 3, 1)).astype("float32")
    found = gaussian_log_density(x, mean, log_variance)
    expected = norm.logpdf(x, mean, np.exp(log_variance / 2)).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    pixels, logits = (x > 0).astype("float32"), 5 * mean
    probability = 1 / (1 + np.exp(-logits.astype("float64")))
    likelihood = np.where(pixels == 1, probability, 1 - probability)
    found = bernoulli_log_likelihood(pixels, logits)
    np.testing.assert_allclose(found, np.log(likelihood).sum(axis=(1, 2, 3)), rtol=1e-4)
    # Where a probability rounds to 0 its logarithm does not.
    np.testing.assert_allclose(
        bernoulli_log_likelihood(np.ones((1, 1), "f4"), np.full((1, 1), -200, "f4")), [-200]
    )


def test_games_by_hand():
    real, fake = np.array([[0.0], [1.0]], "f4"), np.array([[0.0], [-2.0]], "f4")

    def log_sigmoid(x):
        return -np.log(1 + np.exp(-x))

    judge = -(log_sigmoid(0) + log_sigmoid(1)) / 2 - (log_sigmoid(0) + log_sigmoid(2)) / 2
    np.testing.assert_allclose(
        non_saturating_loss(real, fake), [judge, -(log_sigmoid(0) + log_sigmoid(-2)) / 2], rtol=1e-5
    )
    np.testing.assert_allclose(
        minimax_loss(real, fake), [judge, (log_sigmoid(0) + log_sigmoid(2)) / 2], rtol=1e-5
    )
    np.testing.assert_allclose(wasserstein_loss(real, fake), [-1 - 0.5, 1], rtol=1e-5)
    undecided = non_saturating_loss(0 * real, 0 * fake)
    np.testing.assert_allclose(undecided, [2 * np.log(2), np.log(2)], rtol=1e-5)
