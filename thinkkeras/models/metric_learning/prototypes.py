"""Prototypes: a class is the mean of the embeddings of its few examples."""

from keras import KerasTensor, ops


def prototypical_logits(embeddings: KerasTensor, *, ways: int, shots: int) -> KerasTensor:
    """Logits of an episode's queries: minus the squared distances to the classes' prototypes.

    A prototype is the mean of its class's support embeddings. With the softmax cross-entropy,
    which is Keras's `SparseCategoricalCrossentropy(from_logits=True)`, they make Snell's loss.
    It takes the tensors of a functional model, so an encoder learns by

        logits = prototypical_logits(encoder.output, ways=20, shots=1)
        keras.Model(encoder.input, logits)

    Args:
        embeddings: Of an episode as `thinkkeras.datasets.episodes` yields it,
            `(ways * (shots + queries), dimensions)`: drawing by drawing with all the classes in
            their order, the support first.
        ways: Classes of the episode.
        shots: Support embeddings of each class.

    Returns:
        `(ways * queries, ways)`: query by query, minus the squared Euclidean distance to each
        class's prototype.

    Source: Snell, Swersky and Zemel, "Prototypical Networks for Few-shot Learning", NIPS 2017,
    equations 1 and 2.
    """
    support, queries = ops.split(embeddings, [ways * shots], axis=0)
    dimensions = embeddings.shape[-1]
    prototypes = ops.mean(ops.reshape(support, (shots, ways, dimensions)), axis=0)
    # ‖q - p‖² = ‖q‖² - 2 q·p + ‖p‖²: a matrix product in place of (queries, ways, dimensions).
    products = ops.matmul(queries, ops.transpose(prototypes))
    lengths = ops.sum(ops.square(queries), axis=-1, keepdims=True)
    return 2 * products - lengths - ops.sum(ops.square(prototypes), axis=-1)
