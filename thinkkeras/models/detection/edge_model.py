"""The model to deploy of a keras-cv detector, and what a device needs to decode its boxes."""

from typing import Any

import keras


def edge_model(
    detector: keras.Model, input_shape: tuple[int, int, int] | None = None
) -> tuple[keras.Model, dict[str, Any]]:
    """A plain functional model of a `YOLOV8Detector` or `RetinaNet`, and how it is decoded.

        model, config = edge_model(detector)
        deploy.export(model, "coral", task=config, calibration=…, out=…)

    The weights stay shared: what the detector learns afterwards, the model knows, too. Nearest
    neighbours, which keras-cv computes by repeating, become a resize, the same numbers by an
    operator that coral and LiteRT Micro have.

    Args:
        detector: Of `yolo_v8`, `retinanet`, or of keras-cv itself.
        input_shape: `(height, width, channels)` of the images, for a detector that takes images of
            any size, as a preset does; multiples of 32. None keeps the detector's own.

    Returns:
        The model: images `(batch, height, width, channels)` to the two outputs named `"boxes"`,
        `(batch, N, 64)` of a YOLOV8Detector and `(batch, N, 4)` of a RetinaNet, and `"scores"`,
        `(batch, N, classes)`. And how to decode them, as `decoding_config` says it: the boxes'
        format, strides, anchors, and the thresholds of the detector's `prediction_decoder`.

    Raises:
        ValueError: It is no such detector, or takes images of any size and no `input_shape` says
            which.
    """
    import keras_cv  # Slow to import.

    if isinstance(detector, keras_cv.models.YOLOV8Detector):
        boxes, scores, box_format = "boxes", "classes", _distances()
    elif isinstance(detector, keras_cv.models.RetinaNet):
        boxes, scores, box_format = "box", "classification", _anchor_offsets(detector)
    else:
        raise ValueError(
            "expected a keras_cv.models.YOLOV8Detector or RetinaNet, received "
            f"{type(detector).__name__}; a model with separate outputs for boxes and scores is "
            "deployed as it is"
        )
    own = tuple(detector.inputs[0].shape[1:])
    shape = tuple(input_shape or own)
    if None in shape or any(n not in (None, m) for n, m in zip(own, shape, strict=True)):
        raise ValueError(
            f"expected a fixed size that a detector of images of {own} takes, received {shape}; "
            "give input_shape=(height, width, channels)"
        )
    whole = keras.Model(detector.inputs[0], [detector.output[boxes], detector.output[scores]])
    static = keras.models.clone_model(
        whole,
        input_tensors=keras.Input(shape, name="image"),
        clone_function=lambda layer: layer,
        call_function=_resized,
    )
    outputs = [
        # A name for the output and no operation.
        keras.layers.Activation("linear", name=name)(tensor)
        for name, tensor in zip(("boxes", "scores"), static.outputs, strict=True)
    ]
    decoder = detector.prediction_decoder
    config = {
        "task": "detection",
        **box_format,
        "boxes": "boxes",
        "scores": "scores",
        "activation": "linear" if decoder.from_logits else "sigmoid",
        "score_threshold": float(decoder.confidence_threshold),
        "iou_threshold": float(decoder.iou_threshold),
        "max_detections": int(decoder.max_detections),
        # keras_cv.layers.NonMaxSuppression looks at a box's highest score alone.
        "class_agnostic": True,
    }
    return keras.Model(static.inputs, outputs, name=detector.name), config


def _resized(operation: Any, *args: Any, **kwargs: Any) -> Any:
    """Two repeats, of rows and of columns, as one resize in place of the second."""
    if type(operation).__name__ != "Repeat":
        return operation(*args, **kwargs)
    if operation.axis == 1:
        return args[0]
    size = [operation.repeats * side for side in args[0].shape[1:3]]
    # Not by a Resizing layer: it would put all the layers after it into training mode.
    return keras.ops.image.resize(args[0], size, interpolation="nearest")


def _distances() -> dict[str, Any]:
    return {"format": "distances", "bins": 16, "strides": [8, 16, 32]}


def _anchor_offsets(detector: keras.Model) -> dict[str, Any]:
    levels = list(detector.anchor_generator.anchor_generators.values())
    first = levels[0]
    return {
        "format": "deltas",
        "strides": [int(level.stride) for level in levels],
        "anchors": {
            "sizes": [float(level.sizes) for level in levels],
            "scales": [float(scale) for scale in first.scales],
            "aspect_ratios": [float(ratio) for ratio in first.aspect_ratios],
            "clip_boxes": bool(first.clip_boxes),
            "box_variance": [0.1, 0.1, 0.2, 0.2],
        },
    }
