"""keras-cv's DeepLabV3+, at a microcontroller's size."""

from collections.abc import Sequence

import keras

from thinkkeras.models.arguments import (
    check_activation,
    check_backbone,
    check_images,
    check_levels,
)
from thinkkeras.models.backbones import lite_backbone
from thinkkeras.models.blocks import conv_block, upsample


def deeplab_v3_plus(
    input_shape: tuple[int, int, int] = (256, 256, 3),
    classes: int = 2,
    *,
    backbone: keras.Model | None = None,
    dilation_rates: Sequence[int] = (2, 3, 4),
    filters: int = 48,
    projection_filters: int = 16,
    head_filters: int = 32,
    classifier_activation: str | None = "softmax",
    name: str = "deeplab_v3_plus",
) -> keras.Model:
    """Builds DeepLabV3+: a deep map seen at several dilations, its contours drawn by a fine one.

    `keras_cv.models.DeepLabV3Plus` with a small pyramid on a small backbone, and a head that tells
    classes apart at stride 4, before the maps are enlarged. Enlargements by 4 and 8 are made of
    bilinear ones by 2, the only ones that Ethos-U has. It trains like any Keras model, on the
    `"images"` and `"segmentation"` of `thinkkeras.datasets.load_detection(masks=True)`.

    The default arguments give 323,138 parameters and 160 million multiply-accumulates.

    Args:
        input_shape: `(height, width, channels)` of the images, pixels in 0-255; height and width
            are multiples of 32.
        classes: Number of classes of a pixel, the background among them.
        backbone: A backbone of keras-cv with levels P2 and P5, at strides 4 and 32, such as, with a
            network, `keras_cv.models.MobileNetV3Backbone.from_preset(
            "mobilenet_v3_small_imagenet")`; None builds `lite_backbone(input_shape)`. Its layers
            become part of the model and stay shared.
        dilation_rates: Steps between the taps of the pyramid's 3x3 kernels. The paper's 6, 12 and
            18 belong to maps of 33x33; on those of 8x8 they would see the padding alone.
        filters: Maps of each dilation, and of all when they are joined.
        projection_filters: Maps that the fine level is reduced to.
        head_filters: Maps from which the classes are told apart.
        classifier_activation: Activation of the outputs; None gives logits. The predicted class
            needs no more, and a softmax of every pixel is dear on a device: of a trained model,
            deploy `keras.Model(model.input, model.get_layer("logits").output)`.
        name: Name of the model.

    Returns:
        An uncompiled model: images `(batch, height, width, channels)` to
        `(batch, height, width, classes)`.

    Raises:
        ValueError: An argument is out of range, or the backbone not one of keras-cv for these
            images.

    Source:
        Chen et al., "Encoder-Decoder with Atrous Separable Convolution for Semantic Image
        Segmentation", ECCV 2018, section 3 and figure 2.
    """
    check_images(input_shape, classes)
    check_activation(classes, classifier_activation)
    import keras_cv  # Slow to import.

    if backbone is None:
        backbone = lite_backbone(input_shape)
    check_backbone(backbone, input_shape)
    check_levels(backbone, ("P2", "P5"))
    trunk = keras_cv.models.DeepLabV3Plus(
        backbone=backbone,
        num_classes=classes,
        projection_filters=projection_filters,
        spatial_pyramid_pooling=keras_cv.layers.SpatialPyramidPooling(
            dilation_rates=list(dilation_rates), num_channels=filters, name="pyramid"
        ),
        segmentation_head=keras.layers.Identity(name="joined"),
    )
    inputs = keras.Input(input_shape, name="image")
    x = keras.models.clone_model(
        keras.Model(trunk.inputs[0], trunk.outputs[0]),
        input_tensors=inputs,
        clone_function=_by_doubling,
    ).output
    x = conv_block(x, head_filters, name="head")
    x = keras.layers.Conv2D(classes, 1, name="classifier")(x)
    for layer in ("to_stride2", "logits"):
        x = upsample(x, name=layer)
    if classifier_activation is not None:
        x = keras.layers.Activation(classifier_activation, name="probabilities")(x)
    return keras.Model(inputs, x, name=name)


def _by_doubling(layer: keras.layers.Layer) -> keras.layers.Layer:
    """The layer itself, or what takes the place of an enlargement by more than 2."""
    if not isinstance(layer, keras.layers.UpSampling2D) or layer.size == (2, 2):
        return layer
    times = layer.size[0].bit_length() - 1
    doublings = [keras.layers.UpSampling2D(2, interpolation="bilinear") for _ in range(times)]
    return keras.Sequential(doublings, name="to_stride4")
