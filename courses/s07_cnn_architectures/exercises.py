"""Session 7, exercises: write the functions below, in any order, then grade them with

    python -m courses check s07

A function that is not written yet counts as "to do", whatever the others do. `block_cost` and
`receptive_field` take a network as a description, a list of `Layer` and `Branches`:

    Layer(kind, kernel_size, filters, strides, dilation_rate)
        "conv2d", "depthwise_conv2d" or "max_pooling2d", padding "same". `kernel_size` is
        (height, width); strides and dilation are the same on both axes.
    Branches(paths, join)
        several descriptions that all start from the same tensor, joined by "concatenate" (along
        the channels) or "add". A path without layers, [], is the tensor itself. A path may hold
        branches in its turn.

A bottleneck of ResNet with its shortcut, say, on 256 channels:

    [Branches([[Layer("conv2d", (1, 1), 64), Layer("conv2d", (3, 3), 64),
                Layer("conv2d", (1, 1), 256)], []], "add")]
"""

import keras
import numpy as np
from keras import KerasTensor

from courses.s07_cnn_architectures.references import Network


def block_cost(
    network: Network, input_shape: tuple[int, int, int]
) -> tuple[int, int, tuple[int, int, int]]:
    """What a described block weighs, what it works, and the shape that comes out.

    A layer turns H x W x C into H' x W' x C', where H' = ceil(H / strides), W' alike:

        kind                 C'        weights                      multiply-accumulates
        "conv2d"             filters   kernel area * C * filters    H' * W' * weights
        "depthwise_conv2d"   C         kernel area * C              H' * W' * weights
        "max_pooling2d"      C         0                            0

    No convolution has a bias; each is followed by batch normalization, which adds 4 parameters
    for each of the C' channels (gamma, beta, moving mean, moving variance) and no
    multiply-accumulates. "concatenate" adds up the channels of the paths, "add" keeps them.

    Args:
        network: the description.
        input_shape: (height, width, channels).

    Returns:
        (parameters, multiply_accumulates, output_shape), whole numbers.

    Example:
        MobileNet's depthwise separable block: block_cost([Layer("depthwise_conv2d", (3, 3),
        strides=2), Layer("conv2d", (1, 1), 64)], (15, 20, 32)) is (2720, 186880, (8, 10, 64)).
    """
    raise NotImplementedError


def inception_block(x: KerasTensor, filters: tuple[int, int, int, int, int, int]) -> KerasTensor:
    """GoogLeNet's block: four branches that look at `x` at different scales, concatenated.

    With filters = (a, b, c, d, e, f), the branches in this order, each convolution with a bias
    and a ReLU right after it, no batch normalization, padding "same" and strides 1 everywhere:

        1 x 1 convolution to a
        1 x 1 convolution to b, then 3 x 3 to c
        1 x 1 convolution to d, then 5 x 5 to e
        max pooling of 3 x 3, then 1 x 1 convolution to f

    A network has several such blocks: leave the layers' names to Keras, and make new layers in
    each call.

    Args:
        x: feature maps (batch, height, width, channels), the tensor of a functional model.
        filters: as above.

    Returns:
        A tensor (batch, height, width, a + c + e + f).

    Example:
        GoogLeNet's first, "3a": 28 x 28 x 192 and (64, 96, 128, 16, 32, 32) make 28 x 28 x 256,
        with 163,696 parameters.
    """
    raise NotImplementedError


def residual_block(x: KerasTensor, filters: int, strides: int = 1) -> KerasTensor:
    """ResNet's basic block (v1): relu(F(x) + shortcut(x)).

    F is a 3 x 3 convolution, batch normalization, ReLU, a 3 x 3 convolution, batch normalization.
    The first convolution has the strides. The shortcut is `x` itself wherever F(x) has the shape
    of `x`. Where it has not (strides of 2, or another number of channels), the shortcut is a
    projection: a 1 x 1 convolution with these strides, then batch normalization.

    No convolution has a bias; padding is "same". Batch normalization has Keras's defaults. As
    for `inception_block`, names are Keras's and each call makes new layers.

    Args:
        x: feature maps (batch, height, width, channels), the tensor of a functional model.
        filters: channels of F(x).
        strides: step of the first convolution in pixels.

    Returns:
        A tensor (batch, ceil(height / strides), ceil(width / strides), filters).

    Example:
        On 32 x 32 x 16, 16 filters need 4,736 parameters (no projection), and 32 filters with
        strides of 2 make 16 x 16 x 32 with 14,720.
    """
    raise NotImplementedError


def prototypical_loss(
    support: KerasTensor, queries: KerasTensor, labels: KerasTensor
) -> KerasTensor:
    """The loss of one episode (Snell et al.), made of `keras.ops`, so that an encoder can learn.

    1. A class's prototype is the mean of its support embeddings.
    2. The logit of a query for a class is minus the squared Euclidean distance (the sum of the
       squares, no root) between the query's embedding and the prototype.
    3. The loss is the softmax cross-entropy, -log(softmax(logits)[label]), averaged over the
       queries. Distances may be in the thousands: the loss stays finite.

    Args:
        support: embeddings (classes, shots, dimensions), float32.
        queries: embeddings (queries, dimensions), float32, of any classes in any order.
        labels: the class of each query, integers (queries,).

    Returns:
        A scalar tensor.

    Example:
        Prototypes at 0 and 2 and one query of class 0 at 0.5, in one dimension: the logits are
        -0.25 and -2.25, the loss log(1 + exp(-2)) = 0.1269.
    """
    raise NotImplementedError


def sample_episode(
    labels: np.ndarray, classes: list[int], ways: int, shots: int, queries: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Draws an N-way K-shot episode: which examples are shown, and which are asked for.

    Draw `ways` different classes, each with the same chance, of those among `classes` that have
    at least shots + queries examples. Draw shots + queries different examples of each: the first
    are its support, the others its queries; no example is both. The classes get the new numbers
    0 ... ways - 1 at random too, so that a number tells nothing of the class.

    Args:
        labels: the class of every example in the data set, whole numbers (examples,).
        classes: those that may be drawn, each named once. The rest of the data set (the
            validation classes, say) must not show up.
        ways, shots, queries: classes, support examples of each, query examples of each.
        seed: the same seed gives the same episode, another seed another one.

    Returns:
        (support, support_labels, query, query_labels): indices into `labels` (ways * shots,),
        the new number of each; indices (ways * queries,), the new number of each. All are whole
        numbers, in any order of the examples.

    Raises:
        ValueError: fewer than `ways` classes can be drawn.

    Example:
        With labels [5, 5, 3, 3, 8], classes [5, 3, 8], two ways, one shot and one query, 8 has
        too few examples. Support [3, 0] with the numbers [0, 1] and query [2, 1] with [0, 1] is
        a right answer: class 3 has become 0, class 5 has become 1.
    """
    raise NotImplementedError


def gram_matrix(maps: KerasTensor) -> KerasTensor:
    """Which channels are active together, wherever in the picture; made of `keras.ops`.

        G[b, i, j] = sum over all places of maps[b, :, :, i] * maps[b, :, :, j] / (height * width)

    Args:
        maps: feature maps (batch, height, width, channels), float32.

    Returns:
        A tensor (batch, channels, channels).

    Example:
        The maps [[[[1, 2], [3, 0]]]], two places and two channels, give [[[5, 1], [1, 2]]].
    """
    raise NotImplementedError


def style_loss(
    maps: list[KerasTensor], style_maps: list[KerasTensor], weights: list[float]
) -> KerasTensor:
    """How far pictures are from a painting's style (Gatys et al.); made of `keras.ops`.

    For each layer, the mean square of the difference between the Gram matrices of the picture and
    of the painting, over all entries and the whole batch. The loss is the sum over the layers of
    weight * this. The painting may have another size than the pictures.

    Args:
        maps: for each layer the pictures' maps (batch, height, width, channels).
        style_maps: for each layer the painting's maps (1, height, width, channels).
        weights: one number a layer.

    Returns:
        A scalar tensor; 0 for the painting itself.

    Example:
        One layer of one channel, a picture of 3 everywhere, a painting of 1, weight 2: the Gram
        matrices are [[9]] and [[1]], the loss 2 * 8 ** 2 = 128.
    """
    raise NotImplementedError


def grad_cam(
    model: keras.Model, layer_name: str, image: np.ndarray, class_index: int
) -> np.ndarray:
    """Where a network sees the evidence for a class (Selvaraju et al.).

    1. Take the gradient of the class's score (a logit: the model has no softmax) with respect to
       the maps that the layer puts out. TensorFlow's `GradientTape` has it.
    2. A channel's weight is the mean of its gradient over all places.
    3. Sum the channels, each times its weight; what is below zero becomes 0 (ReLU).
    4. Divide by the largest value, so that the map lies in 0 ... 1; a map of zeros stays as it is,
       without NaN.

    Args:
        model: a functional classifier that gives logits (batch, classes).
        layer_name: the layer whose output (batch, rows, columns, channels) is looked at.
        image: (height, width, channels), without a batch axis.
        class_index: the class asked for, whatever the network would answer.

    Returns:
        A NumPy array (rows, columns): the size of the layer's maps, not the image's.
    """
    raise NotImplementedError


def receptive_field(network: Network) -> tuple[int, int]:
    """How much of the image one output pixel of a described network sees, branches included.

    On each axis, starting from size = 1 and jump = 1, a layer makes (pooling as a convolution)

        size <- size + dilation_rate * (kernel_size - 1) * jump
        jump <- jump * strides

    All paths of `Branches` start from the same size and jump. They end with the same jump, and
    where they join, the size is that of the path that sees most, on each axis on its own.

    Args:
        network: the description.

    Returns:
        (height, width) in pixels of the input, whole numbers.

    Example:
        receptive_field([Layer("conv2d", (3, 3), 8, strides=2), Branches([[], [Layer("conv2d",
        (1, 5), 8), Layer("conv2d", (3, 1), 8)]], "add")]) == (7, 11)
    """
    raise NotImplementedError


def build_network(input_shape: tuple[int, int, int], classes: int) -> keras.Model:
    """Propose a network for a microcontroller: at most 60,000 bytes of flash, 40,000 of RAM.

    The images are digits of 24 x 24 pixels, each at a place of its own in 32 x 32. The grader
    converts the network to int8 for `cortex-m` and looks at the card's `size_bytes` and
    `memory.arena_bytes` (at batch size 1; the arena holds what a layer reads and writes at the
    same time). Within the budget, it trains it for 8 epochs, in batches of 32, with AdamW and a
    learning rate that falls from 0.005 to 0 along a cosine, and expects 92 % on the test set, from
    the int8 network. A linear classifier of the pixels is far from it, dense layers alone too.

    Args:
        input_shape: (height, width, channels) of the images, which enter as pixels of 0-255:
            let the first layer rescale them.
        classes: the number of classes.

    Returns:
        A functional, uncompiled `keras.Model`, from a batch of images to (batch, classes)
        probabilities.
    """
    raise NotImplementedError
