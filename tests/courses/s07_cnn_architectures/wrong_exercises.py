"""Plausible wrong answers to session 7's exercises, by exercise and mistake."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from courses.s07_cnn_architectures import solutions
from courses.s07_cnn_architectures.references import Branches, Layer


def _described(change):
    """A description with each layer changed, the branches within branches included."""

    def changed(network):
        return [
            Branches([changed(path) for path in part.paths], part.join)
            if isinstance(part, Branches)
            else change(part)
            for part in network
        ]

    return changed


def _cost(change=None, join=None, rows=lambda size, strides: -(-size // strides), norm=4, bias=0):
    """A cost with one thing wrong: `change(weights, work, part, channels)` of a layer, say."""

    def block_cost(network, input_shape):
        parameters, work, shape = 0, 0, input_shape
        for part in network:
            if isinstance(part, Branches):
                costs = [block_cost(path, shape) for path in part.paths]
                parameters += sum(cost[0] for cost in costs)
                work += sum(cost[1] for cost in costs)
                together = join or part.join
                channels = [cost[2][2] for cost in costs]
                total = sum(channels) if together == "concatenate" else channels[0]
                shape = (*costs[0][2][:2], total)
                continue
            height, width, channels = shape
            size = (rows(height, part.strides), rows(width, part.strides))
            if part.kind == "max_pooling2d":
                shape = (*size, channels)
                continue
            filters = part.filters if part.kind == "conv2d" else channels
            area = part.kernel_size[0] * part.kernel_size[1]
            weights = area * channels * (filters if part.kind == "conv2d" else 1)
            each = size[0] * size[1] * weights
            if change:
                weights, each = change(weights, each, part, shape)
            parameters += weights + (norm + bias) * filters
            work += each
            shape = (*size, filters)
        return parameters, work, shape

    return block_cost


def _conv(x, filters, kernel_size, activation="relu", **options):
    return layers.Conv2D(filters, kernel_size, padding="same", activation=activation, **options)(x)


def _inception(
    reduced="relu",
    projected="relu",
    pool=layers.MaxPooling2D,
    pool_first=True,
    order=(0, 1, 2, 3),
    sides=(3, 5),
    reduce=True,
    **options,
):
    """An inception block with one thing wrong; `options` go to every convolution."""

    def inception_block(x, filters):
        a, b, c, d, e, f = filters
        around = pool(3, strides=1, padding="same")
        if pool_first:
            last = _conv(around(x), f, 1, projected, **options)
        else:
            last = around(_conv(x, f, 1, projected, **options))
        first = [_conv(x, count, 1, reduced, **options) if reduce else x for count in (b, d)]
        branches = [
            _conv(x, a, 1, **options),
            _conv(first[0], c, sides[0], **options),
            _conv(first[1], e, sides[1], **options),
            last,
        ]
        return layers.Concatenate()([branches[index] for index in order])

    return inception_block


def _named_inception(x, filters):
    y = solutions.inception_block(x, filters)
    return layers.Activation("linear", name="inception")(y)


def _sequential_inception(x, filters):
    a, b, c, d, e, f = filters
    first = _conv(x, a, 1)
    second = _conv(_conv(first, b, 1), c, 3)
    third = _conv(_conv(second, d, 1), e, 5)
    last = _conv(layers.MaxPooling2D(3, 1, "same")(third), f, 1)
    return layers.Concatenate()([first, second, third, last])


def _residual(
    between="relu",
    inner="linear",
    final="relu",
    shortcut="linear",
    strides_at=0,
    project="needed",
    side=1,
    norms=(True, True, True),
    join=layers.Add,
    bias=False,
    training=None,
    pre=False,
):
    """A residual block with one thing wrong."""

    def conv_norm(x, filters, kernel_size, strides, norm):
        x = layers.Conv2D(filters, kernel_size, strides, padding="same", use_bias=bias)(x)
        return layers.BatchNormalization()(x, training=training) if norm else x

    def residual_block(x, filters, strides=1):
        steps = [strides if index == strides_at else 1 for index in range(2)]
        start = layers.ReLU()(x) if pre else x
        y = conv_norm(start, filters, 3, steps[0], norms[0])
        y = layers.Activation(between)(y)
        y = conv_norm(y, filters, 3, steps[1], norms[1])
        y = layers.Activation(inner)(y)
        other = x
        changed = {
            "needed": strides != 1 or x.shape[-1] != filters,
            "always": True,
        }[project]
        if changed:
            other = conv_norm(x, filters, side, strides, norms[2])
        return layers.Activation(final)(join()([y, layers.Activation(shortcut)(other)]))

    return residual_block


def _no_shortcut(x, filters, strides=1):
    y = layers.ReLU()(solutions._conv_norm(x, filters, 3, strides))
    return layers.ReLU()(solutions._conv_norm(y, filters, 3))


def _pooled_shortcut(x, filters, strides=1):
    y = layers.ReLU()(solutions._conv_norm(x, filters, 3, strides))
    y = solutions._conv_norm(y, filters, 3)
    other = layers.AveragePooling2D(strides, padding="same")(x) if strides > 1 else x
    if other.shape[-1] != filters:
        other = solutions._conv_norm(other, filters, 1)
    return layers.ReLU()(layers.Add()([y, other]))


def _prototypical(
    prototype=lambda support: ops.mean(support, axis=1),
    distance=lambda d: ops.sum(ops.square(d), axis=-1),
    over=-1,
    sign=-1,
    total=ops.mean,
    log=ops.log_softmax,
):
    """A prototypical loss with one thing wrong."""

    def prototypical_loss(support, queries, labels):
        differences = ops.expand_dims(queries, 1) - prototype(support)
        logits = sign * distance(differences)
        chosen = ops.one_hot(labels, support.shape[0], dtype="float32")
        # A sum of products would make NaN of the 0 * inf of a class that is far.
        picked = ops.where(chosen > 0, log(logits, axis=over), 0.0)
        return total(-ops.sum(picked, axis=-1))

    return prototypical_loss


def _mean_of_distances(support, queries, labels):
    differences = ops.reshape(queries, (-1, 1, 1, queries.shape[-1])) - support
    logits = -ops.mean(ops.sum(ops.square(differences), axis=-1), axis=-1)
    return ops.mean(keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True))


def _nearest_shot(support, queries, labels):
    differences = ops.reshape(queries, (-1, 1, 1, queries.shape[-1])) - support
    logits = -ops.min(ops.sum(ops.square(differences), axis=-1), axis=-1)
    return ops.mean(keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True))


def _cosine_loss(support, queries, labels):
    prototypes = ops.normalize(ops.mean(support, axis=1), axis=-1)
    logits = ops.matmul(ops.normalize(queries, axis=-1), ops.transpose(prototypes))
    return ops.mean(keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True))


def _labels_ignored(support, queries, labels):
    order = ops.arange(queries.shape[0]) * support.shape[0] // queries.shape[0]
    return solutions.prototypical_loss(support, queries, order)


def _numpy_loss(support, queries, labels):
    return float(solutions.prototypical_loss(np.asarray(support), np.asarray(queries), labels))


def _episode(
    draw_classes=lambda random, possible, labels, ways: random.choice(
        possible, ways, replace=False
    ),
    replace=False,
    joint=True,
    skip=True,
    generator=np.random.default_rng,
    numbers=lambda drawn: np.arange(len(drawn)),
    query_numbers=None,
    order=lambda random, members: random.permutation(members),
    allowed=lambda classes, labels: classes,
):
    """An episode with one thing wrong."""

    def sample_episode(labels, classes, ways, shots, queries, seed):
        random = generator(seed)
        needed = shots + queries if skip else 1
        possible = [each for each in allowed(classes, labels) if np.sum(labels == each) >= needed]
        if len(possible) < ways:
            raise ValueError("too few classes")
        drawn = draw_classes(random, possible, labels, ways)
        support, query = [], []
        for each in drawn:
            members = np.flatnonzero(labels == each)
            if joint and not replace:
                examples = np.resize(order(random, members), shots + queries)
                support.append(examples[:shots])
                query.append(examples[shots:])
            else:
                support.append(random.choice(members, shots, replace=replace))
                query.append(random.choice(members, queries, replace=replace))
        new = np.asarray(numbers(drawn))
        asked = new if query_numbers is None else np.asarray(query_numbers(random, drawn))
        return (
            np.concatenate(support),
            np.repeat(new, shots),
            np.concatenate(query),
            np.repeat(asked, queries),
        )

    return sample_episode


def _by_frequency(random, possible, labels, ways):
    drawn = []
    while len(drawn) < ways:
        label = random.choice(labels[np.isin(labels, possible)])
        if label not in drawn:
            drawn.append(label)
    return np.array(drawn)


def _nested(labels, classes, ways, shots, queries, seed):
    parts = solutions.sample_episode(labels, classes, ways, shots, queries, seed)
    return tuple(part.reshape(ways, -1) for part in parts)


def _fewer_ways(labels, classes, ways, shots, queries, seed):
    possible = [each for each in classes if np.sum(labels == each) >= shots + queries]
    ways = min(ways, len(possible))
    return solutions.sample_episode(labels, classes, ways, shots, queries, seed)


def _tiled_queries(labels, classes, ways, shots, queries, seed):
    support, new, query, asked = solutions.sample_episode(
        labels, classes, ways, shots, queries, seed
    )
    return support, new, query, np.tile(np.arange(ways), queries)


def _gram(divide=lambda b, h, w, c: h * w, equation="bhwi,bhwj->bij", prepare=lambda m: m):
    def gram_matrix(maps):
        return ops.einsum(equation, prepare(maps), prepare(maps)) / divide(*maps.shape)

    return gram_matrix


def _reshaped_gram(maps):
    """The channels' axis is not the last when the places are gathered."""
    batch, height, width, channels = maps.shape
    flat = ops.reshape(maps, (batch, channels, height * width))
    return ops.matmul(flat, ops.transpose(flat, (0, 2, 1))) / (height * width)


def _whole_batch_gram(maps):
    batch, height, width, channels = maps.shape
    flat = ops.reshape(maps, (batch * height * width, channels))
    gram = ops.matmul(ops.transpose(flat), flat) / (batch * height * width)
    return ops.broadcast_to(gram, (batch, channels, channels))


def _style(
    gram=solutions.gram_matrix,
    change=ops.square,
    reduce=ops.mean,
    total=sum,
    weigh=lambda weights: weights,
):
    def style_loss(maps, style_maps, weights):
        return total(
            [
                weight * reduce(change(gram(left) - gram(right)))
                for left, right, weight in zip(maps, style_maps, weigh(weights), strict=True)
            ]
        )

    return style_loss


def _pixelwise(maps, style_maps, weights):
    return sum(
        weight * ops.mean(ops.square(ops.mean(left, axis=(1, 2)) - ops.mean(right, axis=(1, 2))))
        for left, right, weight in zip(maps, style_maps, weights, strict=True)
    )


def _grad_cam(
    score=lambda logits, index: logits[:, index],
    weights=lambda gradients, maps: tf.reduce_mean(gradients, axis=(1, 2), keepdims=True),
    layer=lambda model, name: name,
    clip=lambda cam: np.maximum(cam, 0),
    scale=lambda cam: cam / cam.max() if cam.max() > 0 else cam,
    finish=lambda cam: cam,
):
    """Grad-CAM with one thing wrong."""

    def grad_cam(model, layer_name, image, class_index):
        chosen = model.get_layer(layer(model, layer_name))
        both = keras.Model(model.input, [chosen.output, model.output])
        pixels = tf.convert_to_tensor(image[None])
        with tf.GradientTape() as tape:
            tape.watch(pixels)
            maps, logits = both(pixels)
            value = score(logits, class_index)
        gradients = tape.gradient(value, maps)
        cam = np.sum(weights(gradients, maps) * maps, axis=-1)[0]
        with np.errstate(all="ignore"):
            return finish(scale(clip(cam)))

    return grad_cam


def _field(update=None, join=max, jump_after=True, depth=True):
    def walk(network, size, jump):
        for part in network:
            if isinstance(part, Branches):
                ends = [walk(path, size, jump) for path in part.paths]
                size = [join(end[0][axis] for end in ends) for axis in range(2)]
                jump = ends[0][1] if jump_after else jump
                continue
            size, jump = update(size, jump, part)
        return size, jump

    def receptive_field(network):
        return tuple(walk(network, [1, 1], 1)[0])

    return receptive_field


def _step(span=lambda kernel, dilation: dilation * (kernel - 1), after=False, strides=True):
    def update(size, jump, part):
        new = jump * part.strides if strides else jump
        used = new if after else jump
        grown = [
            each + span(kernel, part.dilation_rate) * used
            for each, kernel in zip(size, part.kernel_size, strict=True)
        ]
        return grown, new

    return update


def _pooling_ignored(network):
    keep = _described(
        lambda part: part._replace(kernel_size=(1, 1)) if part.kind == "max_pooling2d" else part
    )
    return solutions.receptive_field(keep(network))


def network(widths=(16, 24), strides=2, flat=False, units=None, final="softmax", hidden=0):
    """Convolutions; the mean over the picture, or all its pixels if `flat`; a `hidden` layer."""

    def build_network(input_shape, classes):
        inputs = keras.Input(input_shape)
        x = layers.Rescaling(1 / 255)(inputs)
        for width in widths:
            x = layers.Conv2D(width, 3, strides, padding="same", activation="relu")(x)
        x = layers.Flatten()(x) if flat else layers.GlobalAveragePooling2D()(x)
        if hidden:
            x = layers.Dense(hidden, activation="relu")(x)
        return keras.Model(inputs, layers.Dense(units or classes, activation=final)(x))

    return build_network


def _first(values):
    return next(iter(values))


WRONG = {
    "block_cost": {
        "multiply and add apart": _cost(lambda n, work, *rest: (n, 2 * work)),
        "square kernels": _cost(
            lambda n, work, part, shape: (
                n * part.kernel_size[0] // part.kernel_size[1],
                work * part.kernel_size[0] // part.kernel_size[1],
            )
        ),
        "two parameters of batch normalization": _cost(norm=2),
        "a bias besides": _cost(bias=1),
        "no batch normalization": _cost(norm=0),
        "strides of the kernel only": _cost(rows=lambda size, strides: size),
        "floor": _cost(rows=lambda size, strides: size // strides),
        "work on the input's pixels": _cost(
            lambda n, work, part, shape: (n, n * shape[0] * shape[1])
        ),
        "branches always concatenated": _cost(join="concatenate"),
        "branches always added": _cost(join="add"),
        "depthwise as full": lambda network, shape: solutions.block_cost(
            _described(
                lambda part: (
                    part._replace(kind="conv2d", filters=part.filters or shape[2])
                    if part.kind == "depthwise_conv2d"
                    else part
                )
            )(network),
            shape,
        ),
        "pooling dropped": lambda network, shape: solutions.block_cost(
            [part for part in network if getattr(part, "kind", "") != "max_pooling2d"], shape
        ),
        "first branch only": lambda network, shape: solutions.block_cost(
            [
                Branches(part.paths[:1], part.join) if isinstance(part, Branches) else part
                for part in network
            ],
            shape,
        ),
        "dilated kernels as large ones": lambda network, shape: solutions.block_cost(
            _described(
                lambda part: part._replace(
                    kernel_size=tuple(
                        part.dilation_rate * (side - 1) + 1 for side in part.kernel_size
                    )
                )
            )(network),
            shape,
        ),
        "order swapped": lambda network, shape: (
            *solutions.block_cost(network, shape)[1::-1],
            solutions.block_cost(network, shape)[2],
        ),
        "parameters alone": lambda network, shape: solutions.block_cost(network, shape)[0],
    },
    "inception_block": {
        "no activation after the reduction": _inception(reduced="linear"),
        "no activation after the projection": _inception(projected="linear"),
        "pooling after the projection": _inception(pool_first=False),
        "average pooling": _inception(pool=layers.AveragePooling2D),
        "no reduction": _inception(reduce=False),
        "order of the branches": _inception(order=(0, 2, 1, 3)),
        "pooling first": _inception(order=(3, 0, 1, 2)),
        "3 x 3 twice": _inception(sides=(3, 3)),
        "sides swapped": _inception(sides=(5, 3)),
        "no bias": _inception(use_bias=False),
        "in a row": _sequential_inception,
        "batch normalization": lambda x, filters: layers.BatchNormalization()(
            solutions.inception_block(x, filters)
        ),
        "activation again": lambda x, filters: layers.Activation("tanh")(
            solutions.inception_block(x, filters)
        ),
        "a name of its own": _named_inception,
        "a model": lambda x, filters: keras.Model(x, solutions.inception_block(x, filters)),
    },
    "residual_block": {
        "no shortcut": _no_shortcut,
        "shortcut after the activation": _residual(inner="relu", final="linear"),
        "activation before and after the sum": _residual(inner="relu"),
        "no activation after the sum": _residual(final="linear"),
        "no activation between": _residual(between="linear"),
        "activation on the shortcut": _residual(shortcut="relu"),
        "pre-activation": _residual(pre=True),
        "projection always": _residual(project="always"),
        "projection of 3 x 3": _residual(side=3),
        "projection without batch normalization": _residual(norms=(True, True, False)),
        "no second batch normalization": _residual(norms=(True, False, True)),
        "no first batch normalization": _residual(norms=(False, True, True)),
        "strides in the second convolution": _residual(strides_at=1),
        "biases": _residual(bias=True),
        "product": _residual(join=layers.Multiply),
        "difference": _residual(join=layers.Subtract),
        "mean": _residual(join=layers.Average),
        "concatenated": _residual(join=layers.Concatenate),
        "statistics of the batch": _residual(training=True),
        "pooling in the shortcut": _pooled_shortcut,
        "default strides of 2": lambda x, filters, strides=2: solutions.residual_block(
            x, filters, strides
        ),
    },
    "prototypical_loss": {
        "root": _prototypical(distance=lambda d: ops.sqrt(ops.sum(ops.square(d), axis=-1) + 1e-12)),
        "mean of squares": _prototypical(distance=lambda d: ops.mean(ops.square(d), axis=-1)),
        "absolute differences": _prototypical(distance=lambda d: ops.sum(ops.abs(d), axis=-1)),
        "half the square": _prototypical(distance=lambda d: ops.sum(ops.square(d), axis=-1) / 2),
        "sign": _prototypical(sign=1),
        "softmax over the queries": _prototypical(over=0),
        "sum over the queries": _prototypical(total=ops.sum),
        "first shot": _prototypical(prototype=lambda support: support[:, 0]),
        "sum of the shots": _prototypical(prototype=lambda support: ops.sum(support, axis=1)),
        "median": _prototypical(prototype=lambda support: ops.median(support, axis=1)),
        "mean of the distances": _mean_of_distances,
        "nearest shot": _nearest_shot,
        "cosine": _cosine_loss,
        "overflow": _prototypical(
            log=lambda logits, axis: ops.log(
                ops.exp(logits) / ops.sum(ops.exp(logits), axis=axis, keepdims=True)
            )
        ),
        "clipped": _prototypical(
            log=lambda logits, axis: ops.log(ops.softmax(logits, axis=axis) + 1e-7)
        ),
        "probability": _prototypical(log=ops.softmax),
        "labels ignored": _labels_ignored,
        "one loss a query": _prototypical(total=lambda losses: losses),
        "NumPy": _numpy_loss,
    },
    "sample_episode": {
        "support and query drawn apart": _episode(joint=False),
        "with replacement": _episode(replace=True),
        "short classes filled up": _episode(skip=False),
        "always the first classes": _episode(draw_classes=lambda r, possible, y, n: possible[:n]),
        "classes with replacement": _episode(
            draw_classes=lambda r, possible, y, n: r.choice(possible, n)
        ),
        "frequent classes more often": _episode(draw_classes=_by_frequency),
        "classes in their order": _episode(
            draw_classes=lambda r, possible, y, n: np.sort(r.choice(possible, n, replace=False))
        ),
        "all classes of the data": _episode(allowed=lambda classes, labels: np.unique(labels)),
        "always the same examples": _episode(order=lambda random, members: members),
        "old labels": _episode(numbers=lambda drawn: drawn),
        "numbered from 1": _episode(numbers=lambda drawn: 1 + np.arange(len(drawn))),
        "numbers by size": _episode(numbers=lambda drawn: np.argsort(np.argsort(drawn))),
        "queries numbered anew": _episode(
            query_numbers=lambda random, drawn: random.permutation(len(drawn))
        ),
        "queries' numbers in another order": _tiled_queries,
        "seed ignored": _episode(generator=lambda seed: np.random.default_rng()),
        "one seed for all": _episode(generator=lambda seed: np.random.default_rng(0)),
        "nested": _nested,
        "fewer ways": _fewer_ways,
        "support alone": lambda *arguments: solutions.sample_episode(*arguments)[:2],
    },
    "gram_matrix": {
        "not divided": _gram(lambda b, h, w, c: 1),
        "divided by the channels too": _gram(lambda b, h, w, c: h * w * c),
        "divided by the height": _gram(lambda b, h, w, c: h),
        "divided by the batch": _gram(lambda b, h, w, c: b * h * w),
        "places, not channels": _gram(equation="bhwi,bkwi->bhk"),
        "reshaped across the channels": _reshaped_gram,
        "the whole batch together": _whole_batch_gram,
        "covariance": _gram(prepare=lambda m: m - ops.mean(m, axis=(1, 2), keepdims=True)),
        "normalized": _gram(prepare=lambda m: m / ops.sqrt(ops.mean(ops.square(m)))),
        "no batch": lambda maps: solutions.gram_matrix(maps)[0],
        "NumPy": lambda maps: (
            np.einsum("bhwi,bhwj->bij", np.asarray(maps), np.asarray(maps))
            / (maps.shape[1] * maps.shape[2])
        ),
    },
    "style_loss": {
        "absolute differences": _style(change=ops.abs),
        "sum of squares": _style(reduce=ops.sum),
        "root": _style(reduce=lambda square: ops.sqrt(ops.mean(square))),
        "mean of the layers": _style(total=lambda terms: sum(terms) / len(terms)),
        "weights ignored": _style(weigh=lambda weights: [1.0] * len(weights)),
        "weights in reverse": _style(weigh=lambda weights: weights[::-1]),
        "weights squared": _style(weigh=lambda weights: [each**2 for each in weights]),
        "first layer only": _style(total=_first),
        "Gram matrices not divided": _style(gram=_gram(lambda b, h, w, c: 1)),
        "divided by the channels": _style(gram=_gram(lambda b, h, w, c: h * w * c)),
        "means, no Gram matrices": _pixelwise,
        "mean over the batch first": _style(
            gram=lambda maps: ops.mean(solutions.gram_matrix(maps), axis=0)
        ),
        "NumPy": lambda *arguments: float(
            solutions.style_loss(
                *[[np.asarray(each) for each in part] for part in arguments[:2]], arguments[2]
            )
        ),
    },
    "grad_cam": {
        "probability": _grad_cam(score=lambda z, index: tf.nn.softmax(z)[:, index]),
        "logarithm of the probability": _grad_cam(
            score=lambda z, index: tf.nn.log_softmax(z)[:, index]
        ),
        "the network's own answer": _grad_cam(score=lambda z, index: tf.reduce_max(z, axis=-1)),
        "all classes": _grad_cam(score=lambda z, index: tf.reduce_sum(z, axis=-1)),
        "place by place": _grad_cam(weights=lambda gradients, maps: gradients),
        "largest gradient": _grad_cam(
            weights=lambda gradients, maps: tf.reduce_max(gradients, axis=(1, 2), keepdims=True)
        ),
        "absolute weights": _grad_cam(
            weights=lambda g, maps: tf.abs(tf.reduce_mean(g, axis=(1, 2), keepdims=True))
        ),
        "positive weights only": _grad_cam(
            weights=lambda g, maps: tf.nn.relu(tf.reduce_mean(g, axis=(1, 2), keepdims=True))
        ),
        "positive gradients only": _grad_cam(
            weights=lambda g, maps: tf.reduce_mean(tf.nn.relu(g), axis=(1, 2), keepdims=True)
        ),
        "no weights": _grad_cam(weights=lambda gradients, maps: tf.ones_like(maps)),
        "gradients alone": _grad_cam(weights=lambda gradients, maps: gradients / maps),
        "always the last convolution": _grad_cam(layer=lambda model, name: "late"),
        "no ReLU": _grad_cam(clip=lambda cam: cam),
        "absolute value": _grad_cam(clip=np.abs),
        "not divided": _grad_cam(scale=lambda cam: cam),
        "from the smallest to the largest": _grad_cam(
            scale=lambda cam: (cam - cam.min()) / ((cam.max() - cam.min()) or 1.0)
        ),
        "NaN for nothing": _grad_cam(scale=lambda cam: cam / cam.max()),
        "in 0 ... 255": _grad_cam(finish=lambda cam: 255 * cam),
        "transposed": _grad_cam(finish=lambda cam: cam.T[::-1]),
        "of the image's size": _grad_cam(
            finish=lambda cam: tf.image.resize(cam[..., None], (9, 8))[..., 0]
        ),
        "with the batch axis": _grad_cam(finish=lambda cam: cam[None]),
    },
    "receptive_field": {
        "jump forgotten": _field(_step(strides=False)),
        "jump updated first": _field(_step(after=True)),
        "kernel, not kernel less one": _field(_step(lambda kernel, dilation: dilation * kernel)),
        "dilation forgotten": _field(_step(lambda kernel, dilation: kernel - 1)),
        "smallest branch": _field(_step(), join=min),
        "first branch": _field(_step(), join=_first),
        "last branch": _field(_step(), join=lambda sizes: list(sizes)[-1]),
        "branches summed": _field(_step(), join=sum),
        "jump of the branches lost": _field(_step(), jump_after=False),
        "height alone": lambda network: (solutions.receptive_field(network)[0],) * 2,
        "swapped": lambda network: solutions.receptive_field(network)[::-1],
        "one number": lambda network: max(solutions.receptive_field(network)),
        "pooling ignored": _pooling_ignored,
        "branch of the larger area": lambda network: solutions.receptive_field(
            [
                Branches(
                    [max(part.paths, key=lambda p: np.prod(solutions.receptive_field(p)))],
                    part.join,
                )
                if isinstance(part, Branches)
                else part
                for part in network
            ]
        ),
    },
    # What sees too little is trained in `test_exercises.py`.
    "build_network": {
        "too many weights": network(widths=(16,), flat=True, hidden=64),
        "maps too large": network(widths=(48, 8), strides=1),
        "one class short": network(units=9),
        "logits": network(final=None),
        "sigmoid": network(final="sigmoid"),
        "layers, not a model": lambda input_shape, classes: [Layer("conv2d", (3, 3), 8)],
    },
}

# Exercise, mistake, and words of the message that names it.
MESSAGES = [
    ("block_cost", "floor", "plain network on (13, 9, 3), multiply_accumulates: expected 50472"),
    ("block_cost", "depthwise as full", "separable network on (15, 20, 32), parameters"),
    ("block_cost", "branches always concatenated", "bottleneck network on (14, 11, 32)"),
    ("inception_block", "no activation after the reduction", "output of the 3 x 3 branch"),
    ("inception_block", "average pooling", "output of the pooling branch"),
    ("inception_block", "3 x 3 twice", "expected kernel (5, 5, 2, 7), received in its place"),
    ("inception_block", "a name of its own", "in layers whose names are Keras's"),
    ("residual_block", "no shortcut", "gamma and beta of 0, so that F(x) is 0"),
    ("residual_block", "no activation after the sum", "so that F(x) is 0 and the output relu(x)"),
    (
        "residual_block",
        "projection always",
        "kernels: expected 2 of them and no others, received in its place kernel (1, 1, 4, 4)",
    ),
    ("prototypical_loss", "overflow", "distances up to 44922"),
    ("prototypical_loss", "NumPy", "expected a tensor of shape () made by keras.ops"),
    ("sample_episode", "support and query drawn apart", "in support and query: expected none"),
    ("sample_episode", "all classes of the data", "classes: expected of [20, 3, 8, 11, 5]"),
    ("sample_episode", "frequent classes more often", "how often class 5 is drawn"),
    ("sample_episode", "numbers by size", "how often class 3 is number 0"),
    ("sample_episode", "queries numbered anew", "one number for each class, the same in support"),
    ("gram_matrix", "divided by the batch", "maps (2, 4, 5, 3): expected 1.271352"),
    ("style_loss", "first layer only", "weights=[2.0, 0.5]"),
    ("grad_cam", "NaN for nothing", "received nan"),
    ("grad_cam", "from the smallest to the largest", "layer 'early', class 0: expected"),
    ("receptive_field", "jump of the branches lost", "bottleneck network, (height, width)"),
    ("receptive_field", "branch of the larger area", "factorized network"),
    ("build_network", "maps too large", "expected flash of at most 60,000 bytes, arena of at most"),
    ("build_network", "too many weights", "received flash"),
    ("build_network", "logits", "output: expected probabilities that sum to 1 (softmax)"),
]
