"""A detector that also tells which pixels belong to each object."""

import keras

from thinkkeras.models.blocks import conv_block, detection_head
from thinkkeras.models.detection.yolo_tiny import yolo_tiny


def yolact_tiny(
    input_shape: tuple[int, int, int] = (256, 256, 3),
    classes: int = 1,
    *,
    detector: keras.Model | None = None,
    prototypes: int = 16,
    prototype_filters: int = 24,
    name: str = "yolact_tiny",
) -> keras.Model:
    """Builds an instance segmenter out of a detector: YOLACT's two branches beside its own.

    One branch draws `prototypes` masks of the whole image, at the finest level's stride.
    The other gives each location as many coefficients, of -1 to 1: the logits of an object's mask
    are the prototypes' sum weighted with its coefficients, and the mask is what is above 0 inside
    its box. Neither needs an operator that an edge device lacks, as RoIAlign would. The default
    arguments give 264,447 parameters.

    Args:
        input_shape: `(height, width, channels)` of the images, pixels in 0-255.
        classes: Number of classes; the background is none.
        detector: A model of `yolo_tiny`, whose layers are reused, not copied: train it first, or
            build it with a backbone of your own; a new one if None.
        prototypes: Masks to mix each object's own from.
        prototype_filters: Feature maps of their branch.
        name: Name of the model.

    Returns:
        An uncompiled model with four outputs: the detector's `boxes` and `scores`, then

        - `coefficients` `(batch, N, prototypes)`, -1 to 1;
        - `prototypes` `(batch, height / s, width / s, prototypes)`, 0 or more, with the detector's
          finest stride s.

    Raises:
        ValueError: An argument is out of range, or the detector is none of `yolo_tiny`'s, or one
            for other images or classes.

    Source: Bolya, Zhou, Xiao and Lee, "YOLACT: Real-time Instance Segmentation", ICCV 2019,
    section 3.
    """
    if prototypes < 1 or prototype_filters < 1:
        raise ValueError(
            "expected at least 1 prototype and 1 of their feature maps, received "
            f"prototypes={prototypes} and prototype_filters={prototype_filters}"
        )
    detector = yolo_tiny(input_shape, classes) if detector is None else detector
    levels = _levels(detector)
    own = (*detector.input_shape[1:], detector.output_shape[1][-1])
    if own != (*input_shape, classes):
        raise ValueError(
            f"expected a detector for images of {tuple(input_shape)} and {classes} classes, "
            f"received one for {own[:3]} and {own[3]}"
        )
    coefficients = [
        detection_head(maps, prototypes, (0.0,) * prototypes, name=f"coefficients{number}")
        for number, maps in enumerate(levels)
    ]
    joined = keras.layers.Concatenate(axis=1, name="coefficients_of_all_levels")(coefficients)
    joined = keras.layers.Activation("tanh", name="coefficients")(joined)
    x = conv_block(levels[0], prototype_filters, name="prototypes_block1")
    x = conv_block(x, prototype_filters, name="prototypes_block2")
    x = keras.layers.Conv2D(prototypes, 1, activation="relu", name="prototypes")(x)
    return keras.Model(detector.input, [*detector.outputs, joined, x], name=name)


def _levels(detector: keras.Model) -> list[keras.KerasTensor]:
    """The pyramid's levels, which the detector's heads begin from, the fine one first."""
    joins = [layer for layer in detector.layers if layer.name == "boxes_of_all_levels"]
    if not joins or detector.output_names[:2] != ["boxes", "scores"]:
        raise ValueError(
            "expected a detector that yolo_tiny built, with the outputs boxes and scores, received "
            f"'{detector.name}' with {detector.output_names}"
        )
    names = [tensor._keras_history.operation.name for tensor in keras.tree.flatten(joins[0].input)]
    starts = [name.replace("_rows", "_block_depthwise") for name in names]
    return [detector.get_layer(start).input for start in starts]
