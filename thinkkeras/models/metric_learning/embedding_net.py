"""The four blocks that few-shot learning compares its methods with: from an image to a vector."""

from collections.abc import Sequence

import keras

from thinkkeras.models.arguments import check_classifier, conv_stages
from thinkkeras.models.blocks import conv_block


def embedding_net(
    input_shape: tuple[int, int, int] = (28, 28, 1),
    *,
    filters: Sequence[int | Sequence[int]] = (64, 64, 64, 64),
    name: str = "embedding_net",
) -> keras.Model:
    """Builds the convolutional encoder of matching and prototypical networks.

    Each stage is a `conv_block` and a max pooling that halves height and width; what is left is
    the embedding. The default arguments give 64 numbers, 111,680 trainable parameters and 9.82
    million multiply-accumulates. The literature counts 111,936: its convolutions have biases too,
    which the normalization after them makes idle. `filters=(16, 32, 48, 64)` makes a small one.

    Args:
        input_shape: `(height, width, channels)` of the images, pixels in 0-255. The first layer
            turns dark ink on white paper into 1 on 0, so that padding is paper.
        filters: For each stage the feature maps of its `conv_block`, or of several in a sequence.
        name: Name of the model.

    Returns:
        An uncompiled model: images `(batch, height, width, channels)` to `(batch, dimensions)`,
        for the default arguments `(batch, 64)`.

    Raises:
        ValueError: An argument is out of range, or the image too small for so many stages.

    Source:
        Vinyals, Blundell, Lillicrap, Kavukcuoglu and Wierstra, "Matching Networks for One Shot
        Learning", NIPS 2016, section 4.1; Snell, Swersky and Zemel, "Prototypical Networks for
        Few-shot Learning", NIPS 2017, section 3.1.
    """
    check_classifier(input_shape, 1)
    stages = conv_stages(filters, input_shape, poolings=len(filters))
    inputs = keras.Input(input_shape, name="image")
    x = keras.layers.Rescaling(-1 / 255, offset=1, name="rescaling")(inputs)
    for stage, widths in enumerate(stages, start=1):
        for block, width in enumerate(widths, start=1):
            x = conv_block(x, width, name=f"stage{stage}_block{block}")
        x = keras.layers.MaxPooling2D(2, name=f"stage{stage}_pool")(x)
    outputs = keras.layers.Flatten(name="embedding")(x)
    return keras.Model(inputs, outputs, name=name)
