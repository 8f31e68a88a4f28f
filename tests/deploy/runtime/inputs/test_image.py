"""Images as the numbers of an input: units, kinds of files, sizes."""

import numpy as np
import pytest
from PIL import Image

from deploy import DeployError
from deploy.runtime.inputs.image import check, is_raw, open_file, size, to_array


@pytest.mark.parametrize(("black", "white"), [(0, 255), (0, 1), (-1, 1)])
def test_an_image_in_the_models_units(black, white):
    image = Image.fromarray(np.array([[0, 255], [255, 0]], "uint8"))
    array = to_array(image, {"black": black, "white": white}, (2, 2, 3))
    assert array.shape == (2, 2, 3) and array.dtype == np.float32
    assert array[0, 1].tolist() == [white] * 3
    assert array[0, 0, 0] == black
    assert to_array(image, {"black": black, "white": white}, (6, 4, 1)).shape == (6, 4, 1)


@pytest.mark.parametrize("mode", ["I;16", "RGBA", "P", "CMYK", "LA", "1"])
def test_every_kind_of_image_comes_in(mode, tmp_path):
    grey = Image.fromarray(np.array([[0, 128], [255, 64]], "uint8"))
    if mode == "I;16":
        wide = np.asarray(grey).astype("uint16") * 257
        Image.fromarray(wide).save(tmp_path / "image.png")
    else:
        kind = "JPEG" if mode == "CMYK" else "PNG"
        grey.convert(mode).save(tmp_path / "image.png", format=kind)
    array = to_array(open_file(tmp_path / "image.png"), {"black": 0, "white": 255}, (2, 2, 1))
    exact = mode in ("I;16", "RGBA", "LA", "P")
    assert np.abs(array[..., 0] - np.asarray(grey, "float32")).max() <= (1 if exact else 128)
    assert array[1, 0, 0] > array[0, 0, 0]


def test_an_image_of_floating_point_numbers_is_refused():
    image = Image.fromarray(np.zeros((2, 2), "float32"))
    with pytest.raises(DeployError, match="8 or 16 bits a pixel"):
        to_array(image, {"black": 0, "white": 255}, (2, 2, 1))


def test_without_black_and_white_there_is_no_image():
    image = Image.new("L", (2, 2))
    with pytest.raises(DeployError, match="black and white is not known"):
        to_array(image, {"kind": "image"}, (2, 2, 1))


@pytest.mark.parametrize(
    ("example", "raw"),
    [
        (np.zeros((8, 6, 3), "uint8"), True),
        (np.zeros((8, 6), "uint8"), True),
        (np.zeros((4, 4, 1), "uint8"), False),
        (np.zeros((8, 6, 3), "float32"), False),
        (np.zeros((2, 4, 4, 1), "uint8"), False),
        (Image.new("L", (4, 4)), True),
    ],
)
def test_what_is_still_to_be_resized(example, raw):
    assert is_raw(example, (4, 4, 1)) == raw


def test_height_comes_before_width():
    assert size(Image.new("L", (6, 8))) == size(np.zeros((8, 6, 3), "uint8")) == (8, 6)


@pytest.mark.parametrize(
    ("front_end", "shape", "message"),
    [
        ({}, (4, 4, 2), r"an input \(height, width, 1 or 3\) for the front end image"),
        ({"black": 0}, (4, 4, 1), "two numbers black and white"),
        ({"black": 1, "white": 1}, (4, 4, 1), "two numbers black and white"),
        ({"black": "0", "white": 255}, (4, 4, 1), "two numbers black and white"),
        ({"black": False, "white": True}, (4, 4, 1), "two numbers black and white"),
    ],
)
def test_a_front_end_that_fits_no_image_is_refused(front_end, shape, message):
    with pytest.raises(DeployError, match=message):
        check(front_end, shape)
