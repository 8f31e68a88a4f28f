"""keras-cv's YOLOV8, at a microcontroller's size."""

from collections.abc import Sequence

import keras

from thinkkeras.models.arguments import check_backbone, check_images, check_levels
from thinkkeras.models.blocks import PRIOR_LOGIT


def yolo_v8(
    input_shape: tuple[int, int, int] = (256, 256, 3),
    classes: int = 1,
    *,
    stackwise_channels: Sequence[int] = (16, 32, 64, 96),
    stackwise_depth: Sequence[int] = (1, 1, 1, 1),
    fpn_depth: int = 1,
    backbone: keras.Model | None = None,
    score_threshold: float = 0.4,
    iou_threshold: float = 0.6,
    max_detections: int = 100,
    name: str = "yolo_v8",
) -> keras.Model:
    """Builds a `keras_cv.models.YOLOV8Detector`, an anchor-free detector at strides 8, 16 and 32.

    It trains with its own `fit`, on the batches of `thinkkeras.datasets.load_detection`:

        detector.compile(box_loss="ciou", classification_loss="binary_crossentropy",
                         optimizer=…, jit_compile=False)
        detector.fit(train, validation_data=validation)

    `predict` gives boxes, `thinkkeras.models.edge_model` a model to deploy. The classifiers start
    at a probability of 1 %; keras-cv's own start at 50 % everywhere, and in the first epochs the
    loss of all the locations without an object drowns that of the boxes.

    The default arguments give 789,979 parameters and 208 million multiply-accumulates. With a
    network, pretrained backbones and detectors come from keras-cv's presets:
    `backbone=keras_cv.models.YOLOV8Backbone.from_preset("yolo_v8_xs_backbone_coco")`, or in place
    of this builder `keras_cv.models.YOLOV8Detector.from_preset("yolo_v8_m_pascalvoc",
    bounding_box_format="xyxy")`.

    Args:
        input_shape: `(height, width, channels)` of the images, pixels in 0-255; height and width
            are multiples of 32.
        classes: Number of classes; there is none for the background.
        stackwise_channels: Maps of the backbone at strides 4, 8, 16 and 32.
        stackwise_depth: Residual blocks at each of them.
        fpn_depth: Residual blocks at each level of the pyramid that joins the strides.
        backbone: Another backbone of keras-cv in place of one of these sizes.
        score_threshold: `predict` leaves out boxes of lower scores, and so does the device.
        iou_threshold: Of two boxes that overlap more, only the higher-scoring stays, of any class.
        max_detections: Boxes that `predict` gives at most.
        name: Name of the model.

    Returns:
        An uncompiled detector of boxes in `"xyxy"` pixels: images `(batch, height, width,
        channels)` to `"boxes"` `(batch, N, 64)`, for each of left, top, right and bottom the logits
        of 0 to 15 strides from the location, and `"classes"`, probabilities `(batch, N, classes)`,
        where N is the number of all locations, `height * width * (1/64 + 1/256 + 1/1024)`.

    Raises:
        ValueError: An argument is out of range, or the backbone not one of keras-cv for these
            images.

    Source:
        Redmon et al., "You Only Look Once: Unified, Real-Time Object Detection", CVPR 2016, and
        Terven, Córdova-Esparza and Romero-González, "A Comprehensive Review of YOLO Architectures
        in Computer Vision", 2023, section on YOLOv8, which has no paper of its own.
    """
    check_images(input_shape, classes)
    if len(stackwise_channels) != 4 or len(stackwise_depth) != 4:
        raise ValueError(
            "expected four stackwise_channels and stackwise_depth, for strides 4, 8, 16 and 32, "
            f"received {tuple(stackwise_channels)} and {tuple(stackwise_depth)}"
        )
    import keras_cv  # Slow to import.

    if backbone is None:
        backbone = keras_cv.models.YOLOV8Backbone(
            stackwise_channels=list(stackwise_channels),
            stackwise_depth=list(stackwise_depth),
            include_rescaling=True,
            input_shape=tuple(input_shape),
            name="backbone",
        )
    check_backbone(backbone, input_shape)
    check_levels(backbone, ("P3", "P4", "P5"))
    detector = keras_cv.models.YOLOV8Detector(
        backbone=backbone,
        num_classes=classes,
        bounding_box_format="xyxy",
        fpn_depth=fpn_depth,
        prediction_decoder=keras_cv.layers.NonMaxSuppression(
            "xyxy",
            from_logits=False,
            confidence_threshold=score_threshold,
            iou_threshold=iou_threshold,
            max_detections=max_detections,
        ),
        name=name,
    )
    for level in (1, 2, 3):
        bias = detector.get_layer(f"yolo_v8_head_{level}_class_3_conv").bias
        bias.assign(keras.ops.full(bias.shape, PRIOR_LOGIT))
    return detector
