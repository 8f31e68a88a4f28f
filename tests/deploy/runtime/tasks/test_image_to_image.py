"""Image to image: pixels of every range, resized to the image given, and models that give none."""

import numpy as np
import pytest
from PIL import Image

from deploy import DeployError
from deploy.runtime.tasks.image_to_image import (
    check,
    class_names,
    draw,
    predict,
    to_pixels,
    to_text,
)


@pytest.mark.parametrize(("black", "white"), [(0, 255), (0, 1), (-1, 1), (1, 0)])
def test_black_becomes_0_and_white_255(black, white):
    levels = np.array([-9, 0, 51, 254.6, 255, 300], np.float32)
    output = black + (white - black) * levels / 255
    assert to_pixels(output, black, white).tolist() == [0, 0, 51, 255, 255, 255]


def test_the_picture_has_the_images_size():
    output = np.zeros((2, 4, 3), np.float32)
    output[:, 2:] = [255, 0, 100]
    card = {"black": 0, "white": 255}
    np.testing.assert_array_equal(predict(card, [output], [], (2, 4)), output)
    received = predict(card, [output], [], (20, 60))
    assert received.shape == (20, 60, 3) and received.dtype == np.uint8
    assert received[10, 55].tolist() == [255, 0, 100] and not received[10, 5].any()
    assert np.asarray(draw(Image.new("L", (60, 20)), received, [])).shape == (20, 60, 3)


def test_grey_becomes_rgb():
    output = np.array([[[0.0], [0.2]]], np.float32)
    received = predict({"black": 0, "white": 1}, [output], [], (1, 2))
    assert received.tolist() == [[[0, 0, 0], [51, 51, 51]]]
    expected = "a picture of 2 x 1 pixels, on average red 26, green 26, blue 26"
    assert to_text(received, class_names({}, [])) == expected


GOOD = {"task": "image_to_image", "black": 0, "white": 1}
GOOD |= {key: [{"shape": (1, 8, 8, 3)}] for key in ("inputs", "outputs")}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"inputs": [{"shape": (1, 8)}]}, r"one image \(1, h, w, 1 or 3\) as the input, received"),
        ({"inputs": GOOD["inputs"] * 2}, "as the input, received"),
        ({"outputs": [{"shape": (1, 8, 8, 2)}]}, r"as the output, received \(1, 8, 8, 2\)"),
        ({"black": None}, "two numbers black and white, received None and 1"),
        ({"black": 1}, "two numbers black and white, received 1 and 1"),
    ],
)
def test_a_card_that_does_not_fit_is_refused(change, message):
    check(GOOD)
    with pytest.raises(DeployError, match=message):
        check(GOOD | change)
