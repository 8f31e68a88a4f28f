"""A Keras detector's predictions, decoded by the code that decodes them on a device."""

from deploy.runtime.detection import detections


def predictions(model, images, config, score_threshold=0.01):
    """Boxes, scores, labels (and masks) for each of the images, as `thinkkeras.metrics` takes them.

    Args:
        model: With outputs of the names in `config`, `(images, ...)` each.
        images: Pixels in 0-255, `(images, height, width, 3)`.
        config: What `decoding_config` returns.
        score_threshold: The lowest score of a detection.
    """
    outputs = model.predict(images, batch_size=8, verbose=0)
    positions = {name: place for place, name in enumerate(model.output_names)}
    config, size = config | positions, images.shape[1:3]
    return [
        detections(one, config, size, size, score_threshold) for one in zip(*outputs, strict=True)
    ]
