"""keras-cv's RetinaNet, at a microcontroller's size."""

from collections.abc import Sequence

import keras

from thinkkeras.models.arguments import check_backbone, check_images, check_levels
from thinkkeras.models.backbones import lite_backbone
from thinkkeras.models.blocks import PRIOR_LOGIT, feature_pyramid, shared_head

LEVELS = ("P3", "P4", "P5")
STRIDES = (8, 16, 32)


def retinanet(
    input_shape: tuple[int, int, int] = (256, 256, 3),
    classes: int = 1,
    *,
    backbone: keras.Model | None = None,
    filters: int = 48,
    head_depth: int = 2,
    sizes: Sequence[float] = (32.0, 64.0, 128.0),
    scales: Sequence[float] = (1.0, 2 ** (1 / 3), 2 ** (2 / 3)),
    aspect_ratios: Sequence[float] = (0.5, 1.0, 2.0),
    score_threshold: float = 0.4,
    iou_threshold: float = 0.6,
    max_detections: int = 100,
    name: str = "retinanet",
) -> keras.Model:
    """Builds a `keras_cv.models.RetinaNet`: anchors on a feature pyramid, and the focal loss.

    It trains with its own `fit`, on the batches of `thinkkeras.datasets.load_detection`:

        detector.compile(box_loss="smoothl1", classification_loss="focal",
                         optimizer=…, jit_compile=False)
        detector.fit(train, validation_data=validation)

    `predict` gives boxes, `thinkkeras.models.edge_model` a model to deploy. keras-cv's own pyramid
    and heads have 256 maps at five strides, 6 million parameters without the backbone; these
    have `filters` at the three finest. keras-cv does not save a pyramid that it has not made:
    keep a trained detector with `save_weights`, or save its `edge_model`.

    The default arguments give 331,069 parameters and 241 million multiply-accumulates. With a
    network, pretrained backbones and detectors come from keras-cv's presets:
    `backbone=keras_cv.models.MobileNetV3Backbone.from_preset("mobilenet_v3_small_imagenet")`, or in
    place of this builder `keras_cv.models.RetinaNet.from_preset("retinanet_resnet50_pascalvoc",
    bounding_box_format="xyxy")`.

    Args:
        input_shape: `(height, width, channels)` of the images, pixels in 0-255; height and width
            are multiples of 32.
        classes: Number of classes; there is none for the background.
        backbone: A backbone of keras-cv; None builds `lite_backbone(input_shape)`.
        filters: Maps of the pyramid and the heads.
        head_depth: Convolutions of each head before its last.
        sizes: Side of a square anchor in pixels at strides 8, 16 and 32. An object that overlaps
            no anchor by half is not learnt: sizes x scales and ratios span what the objects are.
        scales: Factors on the sizes; each location has an anchor for each scale and ratio.
        aspect_ratios: Width of an anchor by its height.
        score_threshold: `predict` leaves out boxes of lower scores, and so does the device.
        iou_threshold: Of two boxes that overlap more, only the higher-scoring stays, of any class.
        max_detections: Boxes that `predict` gives at most.
        name: Name of the model.

    Returns:
        An uncompiled detector of boxes in `"xyxy"` pixels: images `(batch, height, width,
        channels)` to `"box"` `(batch, N, 4)`, differences y, x, height and width to the anchors,
        and `"classification"`, logits `(batch, N, classes)`, where N is the number of all anchors.

    Raises:
        ValueError: An argument is out of range, or the backbone not one of keras-cv for these
            images.

    Source:
        Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017, section 4.
    """
    check_images(input_shape, classes)
    if len(sizes) != len(STRIDES) or not scales or not aspect_ratios:
        raise ValueError(
            "expected three sizes, for strides 8, 16 and 32, and a scale and an aspect ratio or "
            f"more, received {tuple(sizes)}, {tuple(scales)} and {tuple(aspect_ratios)}"
        )
    import keras_cv  # Slow to import.

    if backbone is None:
        backbone = lite_backbone(input_shape)
    check_backbone(backbone, input_shape)
    check_levels(backbone, LEVELS)
    anchors = len(scales) * len(aspect_ratios)
    prior = keras.initializers.Constant(PRIOR_LOGIT)
    return keras_cv.models.RetinaNet(
        backbone=backbone,
        num_classes=classes,
        bounding_box_format="xyxy",
        anchor_generator=keras_cv.layers.AnchorGenerator(
            "xyxy",
            sizes=[float(size) for size in sizes],
            scales=[float(scale) for scale in scales],
            aspect_ratios=[float(ratio) for ratio in aspect_ratios],
            strides=list(STRIDES),
            clip_boxes=True,
        ),
        prediction_decoder=keras_cv.layers.NonMaxSuppression(
            "xyxy",
            from_logits=True,
            confidence_threshold=score_threshold,
            iou_threshold=iou_threshold,
            max_detections=max_detections,
        ),
        feature_pyramid=_pyramid(backbone, input_shape, filters),
        classification_head=shared_head(
            filters, head_depth, anchors * classes, prior, name="class_head"
        ),
        box_head=shared_head(filters, head_depth, anchors * 4, "zeros", name="box_head"),
        name=name,
    )


def _pyramid(backbone: keras.Model, input_shape: tuple[int, int, int], filters: int) -> keras.Model:
    """A feature pyramid as keras-cv takes it: from a dictionary of levels to a list of levels.

    keras-cv's own enlarges by nearest neighbours, which become TILE on a device.
    """
    inputs = {}
    for level, stride in zip(LEVELS, STRIDES, strict=True):
        channels = backbone.get_layer(backbone.pyramid_level_inputs[level]).output.shape[-1]
        size = (input_shape[0] // stride, input_shape[1] // stride, channels)
        inputs[level] = keras.Input(size, name=level)
    outputs = feature_pyramid(
        list(inputs.values()), filters, batch_normalization=False, names=LEVELS
    )
    return keras.Model(inputs, outputs, name="pyramid")
