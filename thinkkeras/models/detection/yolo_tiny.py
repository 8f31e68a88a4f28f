"""A detector to read in one sitting: backbone, feature pyramid, one head for each level."""

import math
from collections.abc import Sequence

import keras

from thinkkeras.models.arguments import check_backbone, check_classifier
from thinkkeras.models.backbones import pyramid_stages
from thinkkeras.models.blocks import PRIOR_LOGIT, detection_head, feature_pyramid
from thinkkeras.models.residual_net import residual_net

# The sides of the largest box, and the width of the square in which its centre lies, in cells of
# its level.
CELLS = 16

# Boxes of 8 pixels need a grid of 4.
STRIDES = (4, 8, 16)

# Boxes start with sides of 3 cells: each level with objects of its own size.
_FIRST_SIDE = math.log(3 / CELLS / (1 - 3 / CELLS))


def yolo_tiny(
    input_shape: tuple[int, int, int] = (256, 256, 3),
    classes: int = 1,
    *,
    backbone: keras.Model | None = None,
    strides: Sequence[int] = STRIDES,
    pyramid_filters: int = 32,
    name: str = "yolo_tiny",
) -> keras.Model:
    """Builds an anchor-free single-shot detector.

    Every location of three grids predicts for itself: how probable an object of each class is here,
    and where its box lies. A feature pyramid brings what the coarse grid sees to the fine
    ones. Classes and boxes have branches of their own (a decoupled head). The default arguments
    give 245,471 parameters.

    Args:
        input_shape: `(height, width, channels)` of the images, pixels in 0-255; height and width
            are multiples of the backbone's deepest stride, 32 by default.
        classes: Number of classes; the background is none.
        backbone: A functional model of any convolutional network with `input_shape`, which takes
            such pixels as they are (with a Rescaling of its own, where it wants other numbers). Its
            layers are reused, not copied. `residual_net` if None.
        strides: The grids: pixels between neighbouring locations of each, from fine to coarse,
            each twice the one before.
        pyramid_filters: Feature maps of each level.
        name: Name of the model.

    Returns:
        An uncompiled model with two outputs for the N locations of all grids (row by row, the
        fine grid first), both 0-1:

        - `boxes` `(batch, N, 4)`: y and x of a box's centre, its height and its width, in the
          location's own square of 16 cells (`thinkkeras.detection.decode_boxes` makes pixels of
          them).
          Numbers of 0-1 share one int8 scale without a loss.
        - `scores` `(batch, N, classes)`: the probability of each class.

        `thinkkeras.detection.DetectorTrainer` trains it.

    Raises:
        ValueError: An argument is out of range, the size of the images no multiple of the deepest
            stride, or the backbone one for other images, or without a map at one of the strides.

    Source:
        Redmon et al., "You Only Look Once", CVPR 2016 (one shot, a grid); Tian et al., "FCOS",
        ICCV 2019 (no anchors); Lin et al., "Feature Pyramid Networks for Object Detection", CVPR
        2017; Ge et al., "YOLOX", 2021 (the decoupled head).
    """
    check_classifier(input_shape, classes)
    if pyramid_filters < 1:
        raise ValueError(f"expected pyramid_filters of at least 1, received {pyramid_filters}")
    backbone = residual_net(input_shape) if backbone is None else backbone
    check_backbone(backbone, tuple(input_shape))
    levels = feature_pyramid(pyramid_stages(backbone, strides), pyramid_filters)[: len(strides)]
    boxes, scores = [], []
    for stride, maps in zip(strides, levels, strict=True):
        boxes.append(
            detection_head(maps, 4, (0, 0, _FIRST_SIDE, _FIRST_SIDE), name=f"boxes{stride}")
        )
        scores.append(
            detection_head(maps, classes, (PRIOR_LOGIT,) * classes, name=f"scores{stride}")
        )
    outputs = [
        keras.layers.Activation("sigmoid", name=kind)(
            keras.layers.Concatenate(axis=1, name=f"{kind}_of_all_levels")(parts)
        )
        for kind, parts in (("boxes", boxes), ("scores", scores))
    ]
    return keras.Model(backbone.input, outputs, name=name)
