"""A detector to read in one sitting: backbone, feature pyramid, one head for each level."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras

from thinkkeras.models.arguments import check_classifier
from thinkkeras.models.backbones import PRIOR_LOGIT, check_backbone, last_maps
from thinkkeras.models.convnet import conv_block
from thinkkeras.models.ds_cnn import separable_block
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

    Every location of three grids answers for itself: how likely an object of each class is here,
    and where its box lies. A feature pyramid brings what the coarse grid understood to the fine
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
          location's own square of 16 cells (`thinkkeras.boxes.decode` makes pixels of them).
          Numbers of 0-1 share one int8 scale without a loss.
        - `scores` `(batch, N, classes)`: the probability of each class.

        `thinkkeras.detector_training.DetectorTrainer` trains it.

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
        boxes.append(head(maps, 4, (0, 0, _FIRST_SIDE, _FIRST_SIDE), name=f"boxes{stride}"))
        scores.append(head(maps, classes, (PRIOR_LOGIT,) * classes, name=f"scores{stride}"))
    outputs = [
        keras.layers.Activation("sigmoid", name=kind)(
            keras.layers.Concatenate(axis=1, name=f"{kind}_of_all_levels")(parts)
        )
        for kind, parts in (("boxes", boxes), ("scores", scores))
    ]
    return keras.Model(backbone.input, outputs, name=name)


def feature_pyramid(stages: Sequence[keras.KerasTensor], filters: int) -> list[keras.KerasTensor]:
    """From the coarsest map down, each level adds what the coarser one understood to its own.

    Args:
        stages: Feature maps of the backbone, the finest first, each half as high and wide as the
            one before.
        filters: Feature maps of each level it returns.

    Returns:
        As many levels, in the same order and sizes.

    Source: Lin et al., "Feature Pyramid Networks for Object Detection", CVPR 2017, figure 3.
    """
    levels: list[keras.KerasTensor] = []
    for number in reversed(range(len(stages))):
        x = conv_block(stages[number], filters, kernel_size=1, name=f"pyramid{number}_lateral")
        if levels:
            coarser = keras.layers.UpSampling2D(
                2, interpolation="bilinear", name=f"pyramid{number}_upsampling"
            )(levels[0])
            x = keras.layers.Add(name=f"pyramid{number}_add")([x, coarser])
            x = conv_block(x, filters, name=f"pyramid{number}")
        levels.insert(0, x)
    return levels


def head(
    x: keras.KerasTensor, outputs: int, first: Sequence[float], *, name: str
) -> keras.KerasTensor:
    """A branch that answers for each location of a level.

    Args:
        x: Feature maps `(batch, height, width, channels)`.
        outputs: Numbers for each location.
        first: What an untrained branch gives for each of them.
        name: Prefix of the layers' names.

    Returns:
        Logits `(batch, height * width, outputs)`, row by row.
    """
    x = separable_block(x, x.shape[-1], name=f"{name}_block")
    x = keras.layers.Conv2D(
        outputs,
        1,
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.01),
        bias_initializer=keras.initializers.Constant(list(first)),
        name=f"{name}_conv",
    )(x)
    return keras.layers.Reshape((x.shape[1] * x.shape[2], outputs), name=f"{name}_rows")(x)


def pyramid_stages(backbone: keras.Model, strides: Sequence[int]) -> list[keras.KerasTensor]:
    """The backbone's last feature maps of these strides and of all coarser ones it has.

    Raises:
        ValueError: The backbone lacks one, takes images of any size, or of one that is no multiple
            of its deepest stride.
    """
    shape = backbone.input_shape[1:]
    if None in shape:
        raise ValueError(
            "expected a backbone for images of a fixed size, received "
            f"'{backbone.name}' for {shape}; build it with the images' input_shape"
        )
    found = last_maps(backbone, shape)
    if not strides or any(stride not in found for stride in strides):
        raise ValueError(
            f"expected strides out of {sorted(found)}, which '{backbone.name}' has, received "
            f"{tuple(strides)}"
        )
    levels = [stride for stride in found if stride >= min(strides)]
    doubling = all(coarse == 2 * fine for fine, coarse in zip(levels, levels[1:], strict=False))
    if not doubling or list(strides) != levels[: len(strides)]:
        raise ValueError(
            "expected strides that double, as (4, 8, 16), and a backbone that has all the coarser "
            f"ones, received {tuple(strides)} out of {sorted(found)}"
        )
    return [found[stride] for stride in levels]


def describe(
    model: keras.Model,
    strides: Sequence[int] = STRIDES,
    *,
    score_threshold: float = 0.5,
    iou_threshold: float = 0.5,
) -> dict[str, Any]:
    """What a device must know to make boxes of a detector's outputs, as `deploy.export` takes it.

    Args:
        model: Of `yolo_tiny` or `yolact_tiny`.
        strides: Its strides.
        score_threshold: The least score of a detection; choose it on validation data with
            `thinkkeras.metrics.best_threshold`.
        iou_threshold: From which IoU on the surer of two boxes suppresses the other.

    Returns:
        A mapping of names, numbers and lists.
    """
    return {
        "format": "cells",
        "cells": CELLS,
        "strides": list(strides),
        "activation": "sigmoid",
        "score_threshold": score_threshold,
        "iou_threshold": iou_threshold,
        "max_detections": 100,
        **{name: name for name in model.output_names},
    }
