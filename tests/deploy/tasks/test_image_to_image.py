"""Image to image: PSNR and SSIM by hand, and what is inferred of a model."""

from types import SimpleNamespace

import numpy as np
import pytest

from deploy import DeployError
from deploy.load.source import Input
from deploy.tasks.image_to_image import LARGEST_PSNR, agreement, infer, psnr

CARD = {"black": 0, "white": 255}
SOURCE = SimpleNamespace(inputs=(Input("image", (16, 16, 3), "float32"),))
NOISE = np.random.default_rng(0).uniform(0, 255, (4, 16, 16, 3)).astype("float32")


@pytest.mark.parametrize(
    ("error", "decibels"), [(0.0, LARGEST_PSNR), (1.0, 48.1308), (25.5, 20.0), (255.0, 0.0)]
)
def test_psnr_by_hand(error, decibels):
    assert psnr(CARD, np.zeros((2, 4, 4, 3)), [np.full((2, 4, 4, 3), error)]) == pytest.approx(
        decibels, abs=1e-4
    )


def test_psnr_is_the_mean_over_the_images_and_knows_the_range():
    outputs = np.zeros((2, 4, 4, 1))
    outputs[0], outputs[1] = 0.1, 0.01
    assert psnr({"black": 0, "white": 1}, np.zeros((2, 4, 4, 1)), [outputs]) == pytest.approx(30)
    # Beyond white there is nothing to be seen.
    assert psnr(CARD, np.full((2, 4, 4, 1), 255), [np.full((2, 4, 4, 1), 999)]) == LARGEST_PSNR


@pytest.mark.parametrize(
    ("ground_truth", "message"),
    [
        (np.zeros((4, 16, 16, 1)), r"output's shape \(4, 16, 16, 3\), received \(4, 16, 16, 1\)"),
        (np.zeros((3, 16, 16, 3)), "a target y for each of the 4 examples"),
    ],
)
def test_ground_truth_that_fits_nothing_is_refused(ground_truth, message):
    with pytest.raises(DeployError, match=message):
        psnr(CARD, ground_truth, [NOISE])


@pytest.mark.parametrize("size", [16, 5])
def test_agreement_is_ssim_and_psnr(size):
    keras = NOISE[:, :size, :size]
    same = agreement(CARD, [], [keras], [keras])
    assert same == {
        "SSIM": {"examples": 4, "agreement": pytest.approx(1.0)},
        "PSNR": {"examples": 4, "agreement": LARGEST_PSNR, "unit": "dB"},
    }
    other = agreement(CARD, [], [keras], [255 - keras])
    assert other["SSIM"]["agreement"] < -0.5
    assert other["PSNR"]["agreement"] == pytest.approx(psnr(CARD, keras, [255 - keras]))


def test_ssim_by_hand():
    """Of two flat images there remains the term of the means."""
    a, b = (np.full((1, 16, 16, 1), value, np.float32) for value in (102, 153))
    expected = (2 * 0.4 * 0.6 + 1e-4) / (0.4**2 + 0.6**2 + 1e-4)
    assert agreement(CARD, [], [a], [b])["SSIM"]["agreement"] == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize(
    ("outputs", "settings", "ends"),
    [
        (NOISE, {}, (0, 255)),
        (NOISE / 255, {}, (0, 1)),
        (NOISE / 127.5 - 1, {}, (-1, 1)),
        (NOISE / 250, {}, (0, 1)),
        (NOISE, {"white": 256}, (0, 256)),
        (NOISE, {"black": 255, "white": 0}, (255, 0)),
    ],
)
def test_black_and_white_are_found_or_told(outputs, settings, ends):
    received = infer(SOURCE, [outputs], [], settings)
    assert received == {"activation": None, "black": ends[0], "white": ends[1]}


def test_nobody_asks_nothing_is_guessed():
    assert infer(SOURCE, [NOISE], [], None) is None


@pytest.mark.parametrize(
    ("outputs", "names", "settings", "message"),
    [
        ([NOISE[..., :2]], [], {}, r"received \[\(16, 16, 3\)\] and \[\(16, 16, 2\)\]"),
        ([NOISE, NOISE], [], {}, "one image"),
        ([NOISE[:, 0]], [], {}, "one image"),
        ([NOISE], ["a"], {}, "no class names for the task image_to_image, received 1"),
        ([NOISE], [], {"grey": 1}, "two numbers black and white"),
        ([NOISE], [], {"black": "0"}, "two numbers black and white"),
        ([NOISE], [], {"black": 255}, "two numbers black and white"),
    ],
)
def test_models_and_settings_that_do_not_fit_are_refused(outputs, names, settings, message):
    with pytest.raises(DeployError, match=message):
        infer(SOURCE, outputs, names, settings)
