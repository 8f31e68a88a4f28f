"""Image to image: style transfer, denoising and such; measured by the PSNR."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from deploy.measure.formatting import agreement_text
from deploy.runtime.card import ClassAgreement
from deploy.runtime.errors import DeployError
from deploy.runtime.inputs.image import is_image_shape
from deploy.tasks.classification import as_array

if TYPE_CHECKING:
    from deploy.load.source import Source

# The PSNR of two equal images, which has no end.
LARGEST_PSNR = 100.0

# The side of the window in which the SSIM compares two images.
_WINDOW = 11


def infer(
    source: Source,
    outputs: Sequence[np.ndarray],
    class_names: Sequence[str],
    settings: Mapping[str, Any] | None,
) -> dict[str, Any] | None:
    """The card's `black` and `white` of the output, those that `settings` tell or those of 0 to
    255, 0 to 1 and -1 to 1 which fits the outputs; None where nobody asks for it: the outputs of a
    segmenter look alike.

    Raises:
        DeployError: inputs or outputs of another shape, class names, or unknown settings.
    """
    if settings is None:
        return None
    shapes = [entry.shape for entry in source.inputs], [output.shape[1:] for output in outputs]
    if [len(each) for each in shapes] != [1, 1] or not all(is_image_shape(s[0]) for s in shapes):
        raise DeployError(
            "expected one image (height, width, 1 or 3) as the input and as the output for the "
            f"task image_to_image, received {shapes[0]} and {shapes[1]}"
        )
    if class_names:
        raise DeployError(
            f"expected no class names for the task image_to_image, received {len(class_names)}; "
            "leave them out"
        )
    black, white = black_and_white(outputs[0])
    told = {"black": black, "white": white} | dict(settings)
    numbers = all(isinstance(end, int | float) for end in told.values())
    if len(told) != 2 or not numbers or told["black"] == told["white"]:
        raise DeployError(
            "expected two numbers black and white for the task image_to_image, received "
            f"{dict(settings)}; correct them, or leave them out"
        )
    return {"activation": None, **told}


def psnr(card: Mapping[str, Any], ground_truth: Any, outputs: Sequence[np.ndarray]) -> float:
    """The peak signal to noise ratio in decibels, 20 log10(range / root mean squared error), the
    mean over the images; of equal images `LARGEST_PSNR`.

    Args:
        card: its `black` and `white`.
        ground_truth: images of the outputs' shape, in the outputs' units.
        outputs: the model's; what lies beyond black and white is cut off.

    Raises:
        DeployError: ground truth of another shape.
    """
    expected = as_array(ground_truth, len(outputs[0]))
    if expected.shape != outputs[0].shape:
        raise DeployError(
            f"expected images y of the output's shape {outputs[0].shape}, received "
            f"{expected.shape}; resize them to it"
        )
    a, b = (_fractions(card, images) for images in (expected, outputs[0]))
    errors = np.square(a - b, dtype=np.float64).mean(axis=(1, 2, 3))
    return float(np.mean(-10 * np.log10(np.maximum(errors, 10 ** (-LARGEST_PSNR / 10)))))


metric = psnr
further_metrics = None


def agreement(
    card: Mapping[str, Any],
    class_names: Sequence[str],
    keras: Sequence[np.ndarray],
    deployed: Sequence[np.ndarray],
) -> dict[str, ClassAgreement]:
    """How alike both models' images are: the mean `SSIM` (1 for the same) and the mean `PSNR` (in
    decibels).

    Source: Wang et al. 2004, "Image Quality Assessment: From Error Visibility to Structural
    Similarity", in TensorFlow's implementation.
    """
    import tensorflow as tf

    a, b = (_fractions(card, images[0]) for images in (keras, deployed))
    # Small images have no room for the usual window.
    window = min(_WINDOW, *a.shape[1:3])
    similar = [
        float(tf.image.ssim(a[[index]], b[[index]], max_val=1.0, filter_size=window)[0])
        for index in range(len(a))
    ]
    return {
        "SSIM": {"examples": len(a), "agreement": float(np.mean(similar))},
        "PSNR": {"examples": len(a), "agreement": psnr(card, keras[0], deployed), "unit": "dB"},
    }


def card_lines(card: Mapping[str, Any]) -> list[str]:
    """How the output becomes an image, and how alike both models' are."""
    output = card["outputs"][0]
    _, height, width, channels = output["shape"]
    return [
        "## Image",
        "",
        f"- `{output['name']}` is an image of {height} × {width} × {channels} from "
        f"{card['black']:g} (black) to {card['white']:g} (white), resized to the size of the one "
        "given.",
        f"- Keras's and the deployed model's: {agreement_text(card['agreement'])}.",
        "",
    ]


def black_and_white(output: np.ndarray) -> tuple[int, int]:
    """Which of 0 to 255, 0 to 1 and -1 to 1 fits images."""
    # A last layer without an activation goes a little beyond.
    low, high = float(output.min()), float(output.max())
    if max(-low, high) > 2:
        return 0, 255
    return (-1, 1) if low < -0.5 else (0, 1)


def _fractions(card: Mapping[str, Any], images: np.ndarray) -> np.ndarray:
    fractions = (images.astype(np.float32) - card["black"]) / (card["white"] - card["black"])
    return np.clip(fractions, 0, 1)
