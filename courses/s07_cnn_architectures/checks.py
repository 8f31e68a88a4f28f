"""Session 7, checks: what each exercise must compute (graded by `courses.grading`).

Blocks are built and given weights that depend on a weight's name and shape alone, so that the
learner's layers may come in any order; SciPy then computes what they must put out.
"""

import functools
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from scipy.spatial.distance import cdist
from scipy.special import log_softmax

from courses.budget import cortex_m_card, expect_budget
from courses.grading import expect, expect_equal, expect_traced
from courses.s07_cnn_architectures.references import (
    NETWORKS,
    cam_case,
    cost,
    field,
    inception,
    moved_digits,
    residual,
    weight,
)

BUDGET = {"flash": 60_000, "arena": 40_000}  # bytes
REQUIRED_ACCURACY = 0.92
EPOCHS, BATCH_SIZE, LEARNING_RATE, SEED = 8, 32, 0.005, 7


def check_block_cost(answers: Any) -> None:
    """Against the network that Keras builds from the same description."""
    for name, (network, input_shape) in NETWORKS.items():
        expected = cost(name)
        received = answers.block_cost(network, input_shape)
        case = f"{name} network on {input_shape}"
        parts = ("parameters", "multiply_accumulates", "output_shape")
        expect(
            isinstance(received, tuple) and len(received) == 3,
            case=case,
            expected=f"a tuple ({', '.join(parts)})",
            received=received,
        )
        for part, value, right in zip(parts, received, expected, strict=True):
            expect_equal(value, right, case=f"{case}, {part}")


def check_inception_block(answers: Any) -> None:
    """Six kernels of different shapes, images with negative values; two blocks in one model."""
    for shape, filters in (((7, 6, 5), (3, 4, 6, 2, 7, 8)), ((5, 9, 4), (8, 6, 5, 3, 2, 7))):
        a, b, c, d, e, f = filters
        kernels = [(1, 1, shape[2], count) for count in (a, b, d, f)]
        kernels += [(3, 3, b, c), (5, 5, d, e)]
        block = functools.partial(answers.inception_block, filters=filters)
        case = f"maps {shape}, filters={filters}"
        model = _built(
            block,
            shape,
            [*(("kernel", kernel) for kernel in kernels), *(("bias", (n,)) for n in filters)],
            (*shape[:2], a + c + e + f),
            case=case,
        )
        images, start = _images(shape), 0
        received = keras.ops.convert_to_numpy(model(images))
        expected = np.stack([inception(image.astype(np.float64), filters) for image in images])
        for branch, count in (("1 x 1", a), ("3 x 3", c), ("5 x 5", e), ("pooling", f)):
            part = slice(start, start + count)
            expect_equal(
                received[..., part],
                expected[..., part],
                case=f"{case}, output of the {branch} branch",
                tolerance=1e-3,
            )
            start += count
        _expect_another(block, model, case=case)


def check_residual_block(answers: Any) -> None:
    """The same shape, F(x) of 0 in it; other channels, strides of 2, and both; the default."""
    for shape, filters, strides in (
        ((7, 6, 4), 4, 1),
        ((7, 6, 4), 5, 1),
        ((8, 7, 4), 4, 2),
        ((9, 8, 3), 5, 2),
    ):
        kernels = [(3, 3, shape[2], filters), (3, 3, filters, filters)]
        projected = strides != 1 or shape[2] != filters
        if projected:
            kernels.append((1, 1, shape[2], filters))
        norm = ("beta", "gamma", "moving_mean", "moving_variance")
        block = functools.partial(answers.residual_block, filters=filters, strides=strides)
        case = f"maps {shape}, filters={filters}, strides={strides}"
        model = _built(
            block,
            shape,
            [("kernel", kernel) for kernel in kernels]
            + [(name, (filters,)) for name in norm for _ in kernels],
            (-(-shape[0] // strides), -(-shape[1] // strides), filters),
            case=case,
        )
        images = _images(shape)
        if not projected:
            _expect_relu_of(images, model, case=case)
        expect_equal(
            model(images),
            np.stack([residual(image.astype(np.float64), filters, strides) for image in images]),
            case=f"{case}, output in inference",
            tolerance=1e-3,
        )
        _expect_another(block, model, case=case)
    x = keras.Input((6, 5, 3))
    received = tuple(answers.residual_block(x, 3).shape)
    expect_equal(received, (None, 6, 5, 3), case="output shape with the default strides")


def _built(
    block: Callable[[Any], Any],
    shape: tuple[int, int, int],
    weights: Sequence[tuple[str, tuple[int, ...]]],
    output_shape: tuple[int, int, int],
    *,
    case: str,
) -> keras.Model:
    """A model of one block with these weights, by name and shape, set by `references.weight`."""
    x = keras.Input(shape)
    output = block(x)
    expect(
        isinstance(output, keras.KerasTensor),
        case=case,
        expected="a tensor of the functional model",
        received=type(output).__name__,
    )
    expect_equal(tuple(output.shape), (None, *output_shape), case=f"{case}, output shape")
    model = keras.Model(x, output)
    found = [(variable.name, tuple(variable.shape)) for variable in model.weights]
    for part, start in (("kernels", "kernel"), ("weights", "")):
        _expect_same_items(
            [each for each in found if each[0].startswith(start)],
            [each for each in weights if each[0].startswith(start)],
            case=f"{case}, {part}",
        )
    for variable in model.weights:
        variable.assign(weight(variable.name, tuple(variable.shape)))
    return model


def _images(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(SEED).normal(0, 2, (2, *shape)).astype(np.float32)


def _expect_relu_of(images: np.ndarray, model: keras.Model, *, case: str) -> None:
    """Without a projection, and with F(x) = 0, a residual block is the ReLU of its input."""
    scales = [variable for variable in model.weights if variable.name in ("gamma", "beta")]
    kept = [variable.numpy() for variable in scales]
    for variable in scales:
        variable.assign(np.zeros(variable.shape))
    case = f"{case}, gamma and beta of 0, so that F(x) is 0 and the output relu(x)"
    expect_equal(model(images), np.maximum(images, 0), case=case)
    for variable, values in zip(scales, kept, strict=True):
        variable.assign(values)


def _expect_another(block: Callable[[Any], Any], model: keras.Model, *, case: str) -> None:
    """A second block in the same model has layers and weights of its own."""
    x = keras.Input(model.input_shape[1:])
    try:
        twice: Any = keras.Model(x, [block(x), block(x)]).count_params()
    except ValueError as error:  # two layers of one name
        twice = str(error)
    count = 2 * model.count_params()
    expect(
        twice == count,
        case=f"{case}, two blocks in one model",
        expected=f"{count} parameters, in layers whose names are Keras's",
        received=twice,
    )


def _expect_same_items(received: list, expected: list, *, case: str) -> None:
    missing = Counter(expected) - Counter(received)
    surplus = Counter(received) - Counter(expected)
    if missing or surplus:
        say = [
            ", ".join(f"{name} {shape}" for name, shape in sorted(items.elements())) or "no others"
            for items in (missing, surplus)
        ]
        lead = "" if missing else f"{len(expected)} of them and "
        expect(False, case=case, expected=lead + say[0], received=f"in its place {say[1]}")


def check_prototypical_loss(answers: Any) -> None:
    """Classes of unequal spread, labels in no order; far distances; tensors without values."""
    random = np.random.default_rng(SEED)
    for classes, shots, queries, dimensions, spread in (
        (2, 1, 1, 1, 1.0),
        (5, 1, 7, 3, 0.5),
        (3, 4, 10, 2, 1.0),
        (4, 3, 6, 5, 0.3),
        (3, 2, 5, 8, 30.0),
    ):
        centres = random.normal(0, spread, (classes, 1, dimensions))
        spreads = spread * random.uniform(0.1, 2.0, (classes, 1, 1))
        support = centres + spreads * random.normal(size=(classes, shots, dimensions))
        labels = random.integers(0, classes, queries).astype(np.int32)
        asked = centres[labels, 0] + spread * random.normal(size=(queries, dimensions))
        labels[-1] = (labels[-1] + 1) % classes  # a query that is nearer to another class
        support, asked = support.astype(np.float32), asked.astype(np.float32)
        logits = -cdist(asked.astype(float), support.astype(float).mean(axis=1), "sqeuclidean")
        expected = -log_softmax(logits, axis=1)[np.arange(queries), labels].mean()
        expect_equal(
            answers.prototypical_loss(support, asked, labels),
            float(expected),
            case=f"{classes} classes, {shots} shots, {queries} queries, {dimensions} dimensions, "
            f"labels {labels.tolist()}, distances up to {-logits.min():.0f}",
            tolerance=1e-4,
        )
    support, asked = keras.KerasTensor((5, 2, 8)), keras.KerasTensor((6, 8))
    labels = keras.KerasTensor((6,), "int32")
    expect_traced(answers.prototypical_loss, support, asked, labels, shape=())


def check_sample_episode(answers: Any) -> None:
    """What every episode must be; then what many episodes must be together."""
    random = np.random.default_rng(SEED)
    counts = {11: 4, 3: 9, 20: 30, 5: 4, 8: 3, 17: 12, 2: 40}
    labels = random.permutation(np.repeat(list(counts), list(counts.values())))
    allowed = [20, 3, 8, 11, 5]  # 8 has too few examples for shots + queries = 4
    for ways, shots, queries in ((4, 1, 3), (2, 3, 1), (3, 2, 2), (1, 1, 3)):
        for seed in range(10):
            episode = answers.sample_episode(labels, allowed, ways, shots, queries, seed)
            _expect_episode(
                episode,
                labels,
                allowed,
                (ways, shots, queries),
                case=f"ways={ways}, shots={shots}, queries={queries}, seed={seed}",
            )
    exact = answers.sample_episode(np.array([4, 4, 4, 9, 9, 9]), [9, 4], 2, 2, 1, 0)
    case = "just as many classes and examples as are needed"
    _expect_episode(exact, np.array([4, 4, 4, 9, 9, 9]), [9, 4], (2, 2, 1), case=case)
    try:
        received = answers.sample_episode(labels, allowed, 5, 1, 3, 0)
    except ValueError:
        pass
    else:
        case = "5 ways of 4 classes that have enough examples"
        expect(False, case=case, expected="a ValueError", received=received)
    _expect_random(lambda seed: answers.sample_episode(labels, allowed, 2, 1, 2, seed), labels)


def _expect_episode(
    episode: Any,
    labels: np.ndarray,
    allowed: list[int],
    sizes: tuple[int, int, int],
    *,
    case: str,
) -> None:
    """One episode is disjoint, complete, of the allowed classes, and numbered alike."""
    ways, shots, queries = sizes
    expect(
        isinstance(episode, tuple) and len(episode) == 4,
        case=case,
        expected="a tuple (support, support_labels, query, query_labels)",
        received=episode,
    )
    names = ("support", "support_labels", "query", "query_labels")
    for name, values, each in zip(names, episode, (shots, shots, queries, queries), strict=True):
        whole = isinstance(values, np.ndarray) and values.dtype.kind in "iu"
        what = f"an array of {ways * each} whole numbers"
        right = whole and values.shape == (ways * each,)
        expect(right, case=f"{case}, {name}", expected=what, received=values)
    support, support_labels, query, query_labels = episode
    indices = np.concatenate([support, query])
    expect(
        indices.min() >= 0 and indices.max() < len(labels),
        case=f"{case}, support and query",
        expected=f"indices from 0 to {len(labels) - 1}",
        received=indices.tolist(),
    )
    both = sorted(set(support.tolist()) & set(query.tolist()))
    expect(not both, case=f"{case}, in support and query", expected="none", received=both)
    twice = sorted(index for index, times in Counter(indices.tolist()).items() if times > 1)
    expect(not twice, case=f"{case}, drawn twice", expected="none", received=twice)
    drawn = set(labels[indices].tolist())
    others = sorted(drawn - set(allowed))
    expect(not others, case=f"{case}, classes", expected=f"of {allowed}", received=others)
    expect_equal(len(drawn), ways, case=f"{case}, different classes")
    for name, numbers, each in (
        ("support_labels", support_labels, shots),
        ("query_labels", query_labels, queries),
    ):
        received = {int(number): int(times) for number, times in sorted(Counter(numbers).items())}
        expected = dict.fromkeys(range(ways), each)
        expect(
            received == expected,
            case=f"{case}, how often each number is in {name}",
            expected=expected,
            received=received,
        )
    pairs = set(zip(labels[indices], np.concatenate([support_labels, query_labels]), strict=True))
    expect(
        len(pairs) == ways,
        case=f"{case}, (class, new number)",
        expected="one number for each class, the same in support and query",
        received=sorted((int(label), int(number)) for label, number in pairs),
    )


def _expect_random(draw: Callable[[int], Any], labels: np.ndarray, episodes: int = 400) -> None:
    """Seeds repeat; classes, numbers, and examples in either role come up as often as they should.

    The bounds are five standard deviations: a right answer in 100,000 is refused.
    """
    first, again = draw(1), draw(1)
    for name, left, right in zip(
        ("support", "support_labels", "query", "query_labels"), first, again, strict=True
    ):
        expect_equal(right, left, case=f"seed 1 twice, {name}")
    drawn = [draw(seed) for seed in range(episodes)]
    different = len({tuple(each[0].tolist() + each[2].tolist()) for each in drawn})
    expect(
        different > episodes / 2,
        case=f"seeds 0 to {episodes - 1}, different episodes",
        expected=f"more than {episodes // 2}",
        received=different,
    )
    classes = Counter(int(labels[index]) for each in drawn for index in each[0])
    zeros = Counter(
        int(labels[index])
        for each in drawn
        for index, number in zip(each[0], each[1], strict=True)
        if number == 0
    )
    # 2 of the classes 3, 5, 8, 11, 20 are drawn; 8 has its 3 examples, just enough here.
    for what, counted, chance in (("drawn", classes, 2 / 5), ("number 0", zeros, 1 / 5)):
        margin = 5 * np.sqrt(episodes * chance * (1 - chance))
        for label in (3, 5, 8, 11, 20):
            expect(
                abs(counted[label] - episodes * chance) <= margin,
                case=f"how often class {label} is {what} in {episodes} episodes",
                expected=f"{episodes * chance:.0f} times, give or take {margin:.0f}",
                received=counted[label],
            )
    possible = set(np.flatnonzero(np.isin(labels, (5, 8, 11))).tolist())
    for role, name in ((0, "support"), (2, "query")):
        used = {int(index) for each in drawn for index in each[role]}
        never = sorted(possible - used)
        expect(
            not never,
            case=f"examples of the classes 5, 8 and 11 in {name}, {episodes} episodes",
            expected="each at least once",
            received=f"never {never}",
        )


# (batch, height, width, channels) of the pictures' maps, (height, width) of the painting's.
_MAPS = (
    ((1, 1, 2, 2), (1, 2)),
    ((2, 4, 5, 3), (3, 7)),
    ((3, 6, 2, 4), (6, 2)),
    ((1, 3, 3, 1), (2, 2)),
)


def check_gram_matrix(answers: Any) -> None:
    """Channel by channel, on maps that are not square; a black picture; tensors without values."""
    random = np.random.default_rng(SEED)
    for shape, _ in _MAPS:
        maps = random.normal(0.5, 1, shape).astype(np.float32)
        case = f"maps {shape}"
        expect_equal(answers.gram_matrix(maps), _gram(maps), case=case, tolerance=1e-5)
    black = np.zeros((1, 2, 3, 2), np.float32)
    expect_equal(answers.gram_matrix(black), np.zeros((1, 2, 2)), case="maps of zeros")
    expect_traced(answers.gram_matrix, keras.KerasTensor((2, 4, 5, 3)), shape=(2, 3, 3))


def check_style_loss(answers: Any) -> None:
    """Paintings of another size, batches, several layers of unequal weight."""
    random = np.random.default_rng(SEED)
    for chosen, weights in (
        ([1], [1.0]),
        ([2], [0.25]),
        ([1, 0], [2.0, 0.5]),
        ([0, 3], [3.0, 1e3]),
    ):
        maps, painting = [], []
        for shape, size in (_MAPS[index] for index in chosen):
            maps.append(random.normal(0.5, 1, shape).astype(np.float32))
            painting.append(random.normal(0, 2, (1, *size, shape[3])).astype(np.float32))
        expected = sum(
            factor * np.square(_gram(picture) - _gram(style)).mean()
            for picture, style, factor in zip(maps, painting, weights, strict=True)
        )
        case = f"maps {[each.shape for each in maps]}, painting {[each.shape for each in painting]}"
        expect_equal(
            answers.style_loss(maps, painting, weights),
            float(expected),
            case=f"{case}, weights={weights}",
            tolerance=1e-4,
        )
        case = f"the painting itself, {len(chosen)} layers"
        expect_equal(answers.style_loss(painting, painting, weights), 0.0, case=case)
    picture, style = keras.KerasTensor((2, 4, 5, 3)), keras.KerasTensor((1, 3, 7, 3))
    expect_traced(answers.style_loss, [picture], [style], [1.0], shape=())


def _gram(maps: np.ndarray) -> np.ndarray:
    channels = range(maps.shape[-1])
    rows = [[(maps[..., i] * maps[..., j]).mean(axis=(1, 2)) for j in channels] for i in channels]
    return np.moveaxis(np.array(rows, np.float64), -1, 0)


def check_grad_cam(answers: Any) -> None:
    """Two layers, four classes, against central differences; maps above zero, and below."""
    for positive in (False, True):
        model, image, sums = cam_case(positive)
        for layer_name, of_classes in sums.items():
            for class_index, expected in enumerate(np.maximum(of_classes, 0)):
                kind = "weights above zero" if positive else "weights of either sign"
                expect_equal(
                    answers.grad_cam(model, layer_name, image, class_index),
                    expected / (expected.max() or 1.0),
                    case=f"{kind}, layer {layer_name!r}, class {class_index}",
                    tolerance=1e-3,
                )


def check_receptive_field(answers: Any) -> None:
    """Against the fields that `thinkkeras.inspection` reads off the network built by Keras."""
    for name, (network, _) in NETWORKS.items():
        received = answers.receptive_field(network)
        expect_equal(received, field(name), case=f"{name} network, (height, width)")


def check_build_network(answers: Any) -> None:
    """Shape and budgets of the network as it is; then the fit, and the int8 network's accuracy."""
    (x, y), test = moved_digits(SEED)
    shape, classes = x.shape[1:], 10
    keras.utils.set_random_seed(SEED)
    model = answers.build_network(shape, classes)
    received = type(model).__name__
    expect(isinstance(model, keras.Model), case="type", expected="keras.Model", received=received)
    expect_equal(tuple(model.input_shape), (None, *shape), case="input shape")
    expect_equal(tuple(model.output_shape), (None, classes), case="output shape")
    sums = keras.ops.convert_to_numpy(model(x[:8])).sum(axis=1)
    expect(
        np.allclose(sums, 1, atol=1e-4),
        case="output",
        expected="probabilities that sum to 1 (softmax)",
        received=f"sums of {sums.min():.4g} to {sums.max():.4g}",
    )
    # A flatbuffer's size and its arena are the same before and after training.
    expect_budget(cortex_m_card(model, x), BUDGET)
    model.compile(
        optimizer=keras.optimizers.AdamW(
            keras.optimizers.schedules.CosineDecay(LEARNING_RATE, EPOCHS * -(-len(x) // BATCH_SIZE))
        ),
        loss="sparse_categorical_crossentropy",
        jit_compile=False,
    )
    model.fit(x, y, batch_size=BATCH_SIZE, epochs=EPOCHS, verbose=0)
    accuracy = cortex_m_card(model, x, test)["quality"]["deployed"]
    expect(
        accuracy >= REQUIRED_ACCURACY,
        case=f"test accuracy of the int8 network after {EPOCHS} epochs",
        expected=f"at least {REQUIRED_ACCURACY:.1%}",
        received=f"{accuracy:.1%}",
    )
