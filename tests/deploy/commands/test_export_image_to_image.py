"""Image to image: a network that turns colours round, from export to picture, folder and video."""

import json

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

import deploy
from deploy import runtime
from deploy.__main__ import main as deploy_main
from deploy.runtime.__main__ import main

GENERATOR = np.random.default_rng(0)


def negative(size=24, white=255):
    """Red becomes cyan: white less the pixel, at half the resolution, enlarged again."""
    image = keras.Input((size, size, 3), name="image")
    x = layers.AveragePooling2D(2)(layers.Rescaling(1 / 255)(image))
    turn = layers.Conv2D(3, 1, name="turn")
    x = layers.UpSampling2D(interpolation="bilinear")(turn(x))
    model = keras.Model(image, layers.Rescaling(white, name="picture")(x), name="negative")
    turn.set_weights([-np.eye(3, dtype="float32")[None, None], np.ones(3, "float32")])
    return model


def pictures(count, size=24):
    """Smooth ones: what a network of half the resolution can give back."""
    coarse = GENERATOR.integers(0, 256, (count, 3, 3, 3), dtype=np.uint8)
    smooth = [
        Image.fromarray(each).resize((size, size), Image.Resampling.BICUBIC) for each in coarse
    ]
    return np.stack([np.asarray(each) for each in smooth]).astype("float32")


@pytest.fixture(scope="module")
def data():
    x = pictures(16)
    return x, 255 - x


@pytest.fixture(scope="module", params=["cpu", "gpu"])
def bundle(request, data, tmp_path_factory):
    out = tmp_path_factory.mktemp("negative") / request.param
    deploy.export(
        negative(),
        request.param,
        out=out,
        task="image_to_image",
        calibration=pictures(16),
        test=data,
        verbose=0,
    )
    return out


def test_it_is_measured_in_decibels(bundle, data):
    card = json.loads((bundle / "card.json").read_text("utf-8"))
    assert (card["task"], card["black"], card["white"]) == ("image_to_image", 0, 255)
    assert card["quality"]["metric"] == "psnr" and card["quality"]["examples"] == 16
    # What the lower resolution loses.
    assert card["quality"]["keras"] > 28
    assert card["quality"]["deployed"] == pytest.approx(card["quality"]["keras"], abs=0.5)
    assert card["agreement"]["PSNR"]["agreement"] > (60 if card["target"] == "gpu" else 45)
    assert 0.99 < card["agreement"]["SSIM"]["agreement"] <= 1 + 1e-6
    text = (bundle / "card.md").read_text("utf-8")
    assert "an image of 24 × 24 × 3 from 0 (black) to 255 (white)" in text
    assert f"| {card['quality']['keras']:.2f} dB" in text and "SSIM " in text


def test_a_picture_of_any_size_keeps_its_size(bundle, tmp_path, capsys):
    pixels = np.zeros((90, 200, 3), np.uint8)
    pixels[:, 100:] = [250, 10, 10]
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    received = runtime.load(bundle).predict(tmp_path / "photo.png")
    assert received.shape == (90, 200, 3) and received.dtype == np.uint8
    np.testing.assert_allclose(received[45, 190], [5, 245, 245], atol=4)
    np.testing.assert_allclose(received[45, 10], [255, 255, 255], atol=4)
    out = tmp_path / "out.png"
    assert main(["run", str(bundle), str(tmp_path / "photo.png"), "--draw", str(out)]) == 0
    assert "photo.png: a picture of 200 x 90 pixels, on average red" in capsys.readouterr().out
    np.testing.assert_array_equal(np.asarray(Image.open(out)), received)


def test_a_folder_gives_a_folder(bundle, tmp_path, capsys):
    (tmp_path / "photos").mkdir()
    for name, size in (("a.png", (30, 20)), ("b.jpg", (50, 70))):
        Image.new("RGB", size, (255, 255, 255)).save(tmp_path / "photos" / name)
    command = ["run", str(bundle), str(tmp_path / "photos")]
    assert main([*command, "--draw", str(tmp_path / "drawn")]) == 0
    assert "photos: 2 images, " in capsys.readouterr().out
    found = {path.name: Image.open(path) for path in sorted((tmp_path / "drawn").iterdir())}
    assert {name: image.size for name, image in found.items()} == {
        "a.png": (30, 20),
        "b.png": (50, 70),
    }
    assert np.asarray(found["a.png"]).max() < 4


def test_a_video_gives_a_video(bundle, tmp_path, capsys):
    pytest.importorskip("cv2")
    from deploy.runtime.inputs.video import Writer, frames

    writer = Writer(tmp_path / "clip.mp4", 10)
    for red in (0, 120, 240):
        writer.add(Image.new("RGB", (64, 48), (red, 0, 0)))
    writer.close()
    command = ["run", str(bundle), str(tmp_path / "clip.mp4")]
    assert main([*command, "--draw", str(tmp_path / "out.mp4")]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert "3 frames, " in last and float(last.split("frames, ")[1].split()[0]) > 1
    means = [np.asarray(frame).mean(axis=(0, 1)) for frame in frames(tmp_path / "out.mp4")]
    expected = [[255, 255, 255], [135, 255, 255], [15, 255, 255]]
    np.testing.assert_allclose(means, expected, atol=12)


def test_it_is_verified(bundle, data, tmp_path, capsys):
    np.savez(tmp_path / "test.npz", x=data[0], y=data[1])
    assert deploy_main(["verify", str(bundle), "--data", str(tmp_path / "test.npz")]) == 0
    said = capsys.readouterr().out
    assert "agreement   SSIM " in said and " dB in Keras, " in said
    report = deploy.verify(bundle, (data[0], data[1]), tolerance=-9)
    assert report["loss"] == report["quality"]["keras"] - report["quality"]["deployed"]
    assert not report["passed"]
    # A folder of pictures has no ground truth; the models are compared on it.
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (30, 20), (9, 99, 199)).save(tmp_path / "photos/a.png")
    report = deploy.verify(bundle, tmp_path / "photos")
    assert report["passed"] and report["quality"] is None
    assert report["agreement"]["PSNR"]["examples"] == 1


def test_a_picture_of_0_to_1_is_told_by_its_values(tmp_path):
    model = negative(white=1)
    card = deploy.export(
        model,
        "cpu-float",
        out=tmp_path / "b",
        task="image_to_image",
        calibration=pictures(4),
        verbose=0,
    )
    assert (card["black"], card["white"]) == (0, 1)
    black = np.zeros((50, 50, 3), np.uint8)
    assert runtime.load(tmp_path / "b").predict(black).min() == 255
    assert deploy.predict(model, pictures(2), task="image_to_image")[1].shape == (24, 24, 3)


def normalized(size=24):
    """A network with instance normalization, as fast style transfer has it."""
    keras.utils.set_random_seed(0)
    image = keras.Input((size, size, 3), name="image")
    x = layers.Rescaling(1 / 255)(image)
    for index, filters in enumerate((8, 16)):
        x = layers.Conv2D(filters, 3, padding="same", strides=1 + index)(x)
        x = layers.GroupNormalization(groups=-1, name=f"norm_{index}")(x)
        x = layers.Activation("relu")(x)
    x = layers.UpSampling2D(interpolation="bilinear")(x)
    x = layers.Conv2D(3, 3, padding="same", activation="sigmoid")(x)
    return keras.Model(image, layers.Rescaling(255)(x), name="normalized")


@pytest.mark.slow
def test_instance_normalization_is_plain_operators_and_float_in_an_int8_model(tmp_path):
    """The variances of eight bits are too coarse for their inverse square roots."""
    norms = {"norm_0": "float32", "norm_1": "float32"}
    cases = {"gpu": ("gpu", {}), "int8": ("cpu", {}), "mixed": ("cpu", norms)}
    cards = {
        name: deploy.export(
            normalized(),
            target,
            out=tmp_path / name,
            task="image_to_image",
            calibration=pictures(32),
            quantization=deploy.Quantization(mixed=mixed),
            verbose=0,
        )
        for name, (target, mixed) in cases.items()
    }
    plain = {"ADD", "CONV_2D", "DEQUANTIZE", "LOGISTIC", "MEAN", "MUL", "NEG", "QUANTIZE"}
    plain |= {"RESHAPE", "RESIZE_BILINEAR", "RSQRT", "SQUARE", "SUB"}
    assert all(set(card["ops"]) <= plain for card in cards.values())
    decibels = {name: card["agreement"]["PSNR"]["agreement"] for name, card in cards.items()}
    assert decibels["gpu"] > 70
    assert decibels["mixed"] > 35 and decibels["mixed"] > decibels["int8"] + 3
    with pytest.raises(deploy.DeployError, match="or name norm_1 in it, too, in float32"):
        deploy.export(
            normalized(),
            "cpu",
            out=tmp_path / "half",
            calibration=pictures(32),
            quantization=deploy.Quantization(mixed={"norm_0": "float32"}),
            verbose=0,
        )
