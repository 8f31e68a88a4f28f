"""Style transfer: what a picture's style and content are, in the feature maps of a network."""

from collections.abc import Sequence

import keras
import numpy as np
from keras import KerasTensor, ops


def gram_matrix(maps: KerasTensor) -> KerasTensor:
    """Which feature maps are active together, and how strongly, wherever that is.

    Args:
        maps: Feature maps `(batch, height, width, channels)`.

    Returns:
        Products of each two maps, averaged over all places: `(batch, channels, channels)`.

    Source: Gatys, Ecker and Bethge, "Image Style Transfer Using Convolutional Neural Networks",
    CVPR 2016, equation 3, divided by the number of places as in Johnson et al., ECCV 2016,
    equation 3, so that pictures of any size compare.
    """
    height, width, channels = ops.shape(maps)[1:]
    flat = ops.reshape(maps, (-1, height * width, channels))
    return ops.matmul(ops.transpose(flat, (0, 2, 1)), flat) / ops.cast(height * width, flat.dtype)


def total_variation(images: KerasTensor) -> KerasTensor:
    """How much neighbouring pixels differ: the mean square, downwards plus across.

    Args:
        images: `(batch, height, width, channels)`.

    Returns:
        A number for each image, `(batch,)`, in squares of the pixels' unit.

    Source: Mahendran and Vedaldi, "Understanding Deep Image Representations by Inverting Them",
    CVPR 2015, section 3 (β = 2).
    """
    down = ops.square(images[:, 1:] - images[:, :-1])
    across = ops.square(images[:, :, 1:] - images[:, :, :-1])
    return ops.mean(down, axis=(1, 2, 3)) + ops.mean(across, axis=(1, 2, 3))


def match_colours(photographs: np.ndarray, style: np.ndarray) -> np.ndarray:
    """Photographs in a painting's palette: its mean colour, and its covariance of colours.

    The map is the straight one that moves colours least (optimal transport of two Gaussians).

    Args:
        photographs: Pixels of 0-255, `(batch, height, width, 3)`; each is changed on its own.
        style: Pixels of 0-255, `(height, width, 3)`.

    Returns:
        float32 pixels of 0-255, shaped as the photographs.

    Source: Gatys, Bethge, Hertzmann and Shechtman, "Preserving Color in Neural Artistic Style
    Transfer", 2016, section 4 (there the painting takes the photograph's colours); Pitié and
    Kokaram, "The Linear Monge-Kantorovitch Linear Colour Mapping", CVMP 2007.
    """
    target = style.reshape(-1, 3).astype("float64")
    matched = []
    for photograph in photographs:
        pixels = photograph.reshape(-1, 3).astype("float64")
        before, after = (np.cov(colours, rowvar=False) for colours in (pixels, target))
        root, inverse = _power(before, 0.5), _power(before, -0.5)
        change = inverse @ _power(root @ after @ root, 0.5) @ inverse
        moved = (pixels - pixels.mean(axis=0)) @ change + target.mean(axis=0)
        matched.append(moved.reshape(photograph.shape))
    return np.clip(matched, 0, 255).astype("float32")


class StyleTransferLoss(keras.losses.Loss):
    """What a picture lacks of a painting's style and of a photograph's content.

    Three terms, each relative to the painting's own, so that the weights suit any network:

    - style: the mean square of the difference of two Gram matrices, over the mean square of the
      painting's; the mean of that over the `style_layers`;
    - content: the mean square of the difference of the `content_layer`'s maps, over the variance
      of the painting's maps;
    - variation: `total_variation`, over the painting's.

    It is used as any loss: `model.compile(loss=StyleTransferLoss(…))`, then
    `model.fit(photographs, photographs)`, where the model gives pictures. A model saved along
    with it is loaded by `keras.saving.load_model(path, compile=False)`.

    Args:
        network: A functional model that reads pixels of 0-255, trained for anything. Only its
            convolutional part is needed; it is used for images of any size, as in inference, and
            stays as it is. One that reads grey images sees the mean of the colours.
        style: The painting, pixels of 0-255, `(height, width, 3)`. Its strokes are learned in
            the size that they have in pixels.
        style_layers: Names of layers of `network`, from fine to coarse.
        content_layer: Name of a layer of `network`.
        style_weight: Weight of the style; more paints more freely.
        content_weight: Weight of the content.
        variation_weight: Weight of the variation; more paints more smoothly.
        name: Name of the loss.

    Raises:
        ValueError: `network` has no such layer, none is named, or the painting's shape is wrong.

    Source: Gatys, Ecker and Bethge, CVPR 2016, equations 1-7; Johnson, Alahi and Fei-Fei,
    "Perceptual Losses for Real-Time Style Transfer and Super-Resolution", ECCV 2016, section 3.2.
    """

    def __init__(
        self,
        network: keras.Model,
        style: np.ndarray,
        *,
        style_layers: Sequence[str],
        content_layer: str,
        style_weight: float = 40.0,
        content_weight: float = 1.0,
        variation_weight: float = 1.5,
        name: str = "style_transfer_loss",
    ) -> None:
        super().__init__(name=name)
        if style.ndim != 3 or style.shape[-1] != 3:
            raise ValueError(
                f"expected a painting of shape (height, width, 3), received {style.shape}"
            )
        if not style_layers:
            raise ValueError("expected the name of one style layer or more, received none")
        self.style_weight = style_weight
        self.content_weight = content_weight
        self.variation_weight = variation_weight
        self._content = feature_extractor(network, [content_layer])
        self._both = feature_extractor(network, [*style_layers, content_layer])
        painting = ops.convert_to_tensor(style[None], "float32")
        *maps, content = self._both(painting, training=False)
        self._grams = [gram_matrix(one) for one in maps]
        # A painting of one colour has neither.
        self._spread = ops.maximum(ops.var(content), keras.config.epsilon())
        self._variation = ops.maximum(total_variation(painting)[0], keras.config.epsilon())

    def call(self, y_true: KerasTensor, y_pred: KerasTensor) -> KerasTensor:
        """The loss of each picture `y_pred` of the photographs `y_true`, `(batch,)`."""
        style, content, variation = self.terms(y_true, y_pred)
        return (
            self.style_weight * style
            + self.content_weight * content
            + self.variation_weight * variation
        )

    def terms(
        self, photographs: KerasTensor, pictures: KerasTensor
    ) -> tuple[KerasTensor, KerasTensor, KerasTensor]:
        """Style, content and variation of each picture before they are weighed, `(batch,)` each.

        Args:
            photographs: Pixels of 0-255, `(batch, height, width, 3)`.
            pictures: The same.
        """
        *maps, content = self._both(pictures, training=False)
        target = self._content(photographs, training=False)
        styles = [
            ops.mean(ops.square(gram_matrix(one) - gram), axis=(1, 2)) / ops.mean(ops.square(gram))
            for one, gram in zip(maps, self._grams, strict=True)
        ]
        contents = ops.mean(ops.square(content - target), axis=(1, 2, 3)) / self._spread
        variations = total_variation(pictures) / self._variation
        return sum(styles) / len(styles), contents, variations


def feature_extractor(network: keras.Model, layers: Sequence[str]) -> keras.Model:
    """The part of a network up to these layers, with its weights, for images of any size.

    Args:
        network: A functional model that reads images.
        layers: Names of its layers.

    Returns:
        A model: images `(batch, height, width, 3)` to the layers' feature maps, a list where
        there are several.

    Raises:
        ValueError: There is no such layer.
    """
    part = keras.Model(network.inputs[0], [network.get_layer(name).output for name in layers])
    channels = part.input.shape[-1]
    any_size = keras.models.clone_model(part, keras.Input((None, None, channels)))
    any_size.set_weights(part.get_weights())
    images = keras.Input((None, None, 3))
    maps = any_size(images if channels == 3 else ops.mean(images, axis=-1, keepdims=True))
    extractor = keras.Model(images, maps)
    extractor.trainable = False
    return extractor


def _power(matrix: np.ndarray, exponent: float) -> np.ndarray:
    """A power of a covariance; directions without variance get a little, so that it exists."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.maximum(values, 1e-3) ** exponent) @ vectors.T
