"""Session 7's exercises: the examples in their docstrings, and what the grader lets pass."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import layers, ops

from courses import grading
from courses.s07_cnn_architectures import checks, solutions
from courses.s07_cnn_architectures.references import NETWORKS, Branches, Layer, moved_digits
from tests.courses.s07_cnn_architectures.wrong_exercises import network


def grade(exercise, answer):
    """The grader's result of one exercise, the others being the solutions'."""
    answers = SimpleNamespace(**vars(solutions) | {exercise: answer})
    check = {f"check_{exercise}": getattr(checks, f"check_{exercise}")}
    (result,) = grading.grade(answers, SimpleNamespace(**check))
    return result


def test_examples_in_the_docstrings_are_right():
    separable = [Layer("depthwise_conv2d", (3, 3), strides=2), Layer("conv2d", (1, 1), 64)]
    assert solutions.block_cost(separable, (15, 20, 32)) == (2720, 186_880, (8, 10, 64))
    support = np.array([[[0.0]], [[2.0]]], np.float32)
    loss = solutions.prototypical_loss(support, np.array([[0.5]], np.float32), np.array([0]))
    assert float(loss) == pytest.approx(0.1269, abs=5e-5)
    maps = np.array([[[[1, 2], [3, 0]]]], np.float32)
    assert np.asarray(solutions.gram_matrix(maps)).tolist() == [[[5, 1], [1, 2]]]
    picture, painting = np.full((1, 2, 3, 1), 3.0), np.ones((1, 4, 2, 1))
    assert float(solutions.style_loss([picture], [painting], [2.0])) == 128
    factorized = [Layer("conv2d", (1, 5), 8), Layer("conv2d", (3, 1), 8)]
    stack = [Layer("conv2d", (3, 3), 8, strides=2), Branches([[], factorized], "add")]
    assert solutions.receptive_field(stack) == (7, 11)
    labels = np.array([5, 5, 3, 3, 8])
    episode = solutions.sample_episode(labels, [5, 3, 8], 2, 1, 1, seed=0)
    assert [sorted(part.tolist()) for part in episode[1::2]] == [[0, 1], [0, 1]]
    assert sorted(labels[episode[0]]) == sorted(labels[episode[2]]) == [3, 5]


def _parameters(block, shape):
    inputs = keras.Input(shape)
    model = keras.Model(inputs, block(inputs))
    return model.count_params(), model.output_shape[1:]


def test_blocks_have_the_parameters_that_the_docstrings_state():
    filters = (64, 96, 128, 16, 32, 32)
    inception = _parameters(lambda x: solutions.inception_block(x, filters), (28, 28, 192))
    assert inception == (163_696, (28, 28, 256))
    same = _parameters(lambda x: solutions.residual_block(x, 16), (32, 32, 16))
    assert same == (4736, (32, 32, 16))
    halved = _parameters(lambda x: solutions.residual_block(x, 32, 2), (32, 32, 16))
    assert halved == (14_720, (16, 16, 32))


def test_costs_are_those_of_the_papers():
    """GoogLeNet's 3a without biases: 163,328 weights; here 4 numbers a channel come besides."""
    block, _ = NETWORKS["inception"]
    channels = 64 + 96 + 128 + 16 + 32 + 32
    parameters, work, shape = solutions.block_cost(block, (28, 28, 192))
    assert parameters == 163_328 + 4 * channels
    assert work == 163_328 * 28 * 28
    assert shape == (28, 28, 256)


def _residual_in_another_order(x, filters, strides=1):
    """The projection first, ReLU as an operation, an epsilon of its own, a nested model."""
    other = x
    if strides != 1 or x.shape[-1] != filters:
        other = layers.Conv2D(filters, 1, strides, use_bias=False)(x)
        other = layers.BatchNormalization(epsilon=1.001e-5)(other)
    inputs = keras.Input(x.shape[1:])
    y = layers.Conv2D(filters, 3, strides, padding="same", use_bias=False)(inputs)
    y = ops.relu(layers.BatchNormalization(momentum=0.9)(y))
    y = layers.Conv2D(filters, 3, padding="same", use_bias=False)(y)
    inner = keras.Model(inputs, layers.BatchNormalization()(y))
    return ops.maximum(other + inner(x), 0)


def _inception_in_another_order(x, filters):
    a, b, c, d, e, f = filters
    last = layers.Conv2D(f, 1)(layers.MaxPool2D((3, 3), 1, padding="same")(x))
    third = layers.Conv2D(e, 5, padding="same")(layers.Conv2D(d, 1, activation="relu")(x))
    second = layers.Conv2D(b, (1, 1), activation=ops.relu)(x)
    second = layers.Conv2D(c, (3, 3), padding="same")(second)
    return ops.relu(ops.concatenate([layers.Conv2D(a, 1)(x), second, third, last], axis=-1))


def _matrix_loss(support, queries, labels):
    """‖q - p‖² by a matrix product, less what is the same for all classes."""
    prototypes = ops.mean(support, axis=1)
    lengths = ops.sum(ops.square(prototypes), axis=-1)
    logits = 2 * ops.matmul(queries, ops.transpose(prototypes)) - lengths
    log = ops.log_softmax(logits, axis=-1)
    return -ops.mean(ops.take_along_axis(log, ops.expand_dims(labels, -1), axis=-1))


def _indexed_loss(support, queries, labels):
    """Axes inserted by indexing, which real tensors take and Keras's own symbolic ones don't."""
    differences = queries[:, None] - ops.mean(support, axis=1)[None]
    logits = -ops.sum(differences**2, axis=-1)
    return ops.mean(ops.sparse_categorical_crossentropy(labels, logits, from_logits=True))


def _matrix_gram(maps):
    flat = ops.reshape(maps, (maps.shape[0], -1, maps.shape[-1]))
    return ops.matmul(ops.transpose(flat, (0, 2, 1)), flat) / flat.shape[1]


def _shuffled_episode(labels, classes, ways, shots, queries, seed):
    """Another generator, and examples in no order."""
    random = np.random.RandomState(seed)
    groups = {each: np.flatnonzero(labels == each) for each in classes}
    groups = {each: found for each, found in groups.items() if len(found) >= shots + queries}
    if len(groups) < ways:
        raise ValueError
    rows = []
    for number, each in enumerate(random.permutation(list(groups))[:ways]):
        members = random.permutation(groups[each])
        rows += [(index, number, place < shots) for place, index in enumerate(members)][
            : shots + queries
        ]
    rows = np.array(rows)[random.permutation(len(rows))]
    support, query = rows[rows[:, 2] == 1], rows[rows[:, 2] == 0]
    return support[:, 0], support[:, 1], query[:, 0], query[:, 1]


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        ("residual_block", _residual_in_another_order),
        ("inception_block", _inception_in_another_order),
        ("prototypical_loss", _matrix_loss),
        ("prototypical_loss", _indexed_loss),
        ("gram_matrix", _matrix_gram),
        ("sample_episode", _shuffled_episode),
    ],
)
def test_other_right_answers_pass(exercise, answer):
    assert grade(exercise, answer) == grading.Result(exercise, True)


def _never_projected(x, filters, strides=1):
    y = layers.ReLU()(solutions._conv_norm(x, filters, 3, strides))
    return layers.ReLU()(layers.Add()([solutions._conv_norm(y, filters, 3), x]))


def _valid_inception(x, filters):
    branches = [layers.Conv2D(count, side)(x) for count, side in zip(filters, (1, 3), strict=False)]
    return layers.Concatenate()(branches)


@pytest.mark.parametrize(
    ("exercise", "answer", "message"),
    [
        ("residual_block", _never_projected, "raised ValueError: Inputs have incompatible shapes"),
        ("inception_block", _valid_inception, "raised ValueError: A `Concatenate` layer requires"),
    ],
)
def test_what_keras_refuses_is_told_in_its_words(exercise, answer, message):
    assert message in grade(exercise, answer).message


def test_digits_are_moved_the_same_way_for_a_seed():
    (x, y), (test_x, test_y) = moved_digits(7)
    assert x.shape == (3771, 32, 32, 1) and test_x.shape == (360, 32, 32, 1)
    assert len(y) == 3771 and len(test_y) == 360
    assert x.min() == 0 and x.max() == 255
    # The same digit at three places: its ink is the same, its pixels are not.
    ink = x.sum(axis=(1, 2, 3)).reshape(3, -1)
    assert np.allclose(ink[0], ink[1]) and np.allclose(ink[0], ink[2])
    assert np.mean(np.any(x[:1257] != x[1257:2514], axis=(1, 2, 3))) > 0.9
    again = moved_digits(7)
    assert np.array_equal(again[0][0], x) and np.array_equal(again[1][0], test_x)


@pytest.mark.slow
@pytest.mark.parametrize("hidden", [0, 48], ids=["linear", "dense"])
def test_networks_that_do_not_convolve_miss_the_accuracy(hidden):
    result = grade("build_network", network(widths=(), flat=True, hidden=hidden))
    assert "test accuracy of the int8 network after 8 epochs: expected at least" in result.message
