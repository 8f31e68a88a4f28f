"""Generation: what is inferred of a model, seeds, ways between them, DDIM by hand, and bundles."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
from PIL import Image

import deploy
from deploy import DeployError, runtime
from deploy.load.source import Input
from deploy.runtime.__main__ import main
from deploy.runtime.tasks.generation import between, denoised, draw_noise
from deploy.tasks.generation import infer
from thinkkeras.models import generative

NOISE = Input("noise", (4,), "float32")
KIND = Input("class", (3,), "float32")
IMAGES = np.linspace(0, 255, 2 * 64, dtype="float32").reshape(2, 8, 8, 1)
STEPS = [{"kept": kept, "time": [kept, 1 - kept]} for kept in (0.05, 0.3, 0.7, 0.95)]


def test_roles_and_range_are_inferred():
    one = SimpleNamespace(inputs=(NOISE,))
    assert infer(one, [IMAGES], [], {})["generation"] == {
        "noise": "noise", "class": None, "time": None, "steps": None,
    }  # fmt: skip
    assert infer(one, [IMAGES], [], {})["white"] == 255
    assert infer(one, [IMAGES], [], None) is None
    told = {"noise": "noise", "class": "class", "white": 200}
    found = infer(SimpleNamespace(inputs=(NOISE, KIND)), [IMAGES], ["a", "b", "c"], told)
    assert found["generation"]["class"] == "class" and found["white"] == 200


@pytest.mark.parametrize(
    ("inputs", "outputs", "names", "settings", "message"),
    [
        ((NOISE, KIND), IMAGES, (), {}, "name of the input for noise"),
        ((NOISE, KIND), IMAGES, (), {"noise": "noise"}, r"inputs are \['class', 'noise'\]"),
        ((NOISE,), IMAGES[:, 0, 0], (), {}, "one image"),
        ((NOISE,), IMAGES, (), {"noises": "noise"}, "received 'noises'"),
        ((NOISE,), IMAGES, ("a",), {}, "expected 0 class names"),
        ((NOISE, KIND), IMAGES, ("a",), {"noise": "noise", "class": "class"}, "expected 3 class"),
        ((NOISE,), IMAGES, (), {"black": 3, "white": 3}, "two numbers black and white"),
        ((NOISE,), IMAGES, (), {"steps": STEPS}, "none for one without"),
        (
            (NOISE, KIND),
            IMAGES,
            (),
            {"noise": "noise", "time": "class", "steps": STEPS},
            "a denoiser from",
        ),
    ],
)
def test_what_is_no_generator_is_refused(inputs, outputs, names, settings, message):
    with pytest.raises(DeployError, match=message):
        infer(SimpleNamespace(inputs=inputs), [outputs], names, settings)


@pytest.mark.parametrize(
    "steps", [[], [{"kept": 0.5}], STEPS[::-1], [{"kept": 1.5, "time": [0, 0]}], [3], "x",
              [{"kept": 0.5, "time": [0]}], [{"kept": 0.5, "time": ["a", "b"]}]],
)  # fmt: skip
def test_steps_that_lead_nowhere_are_refused(steps):
    image = Input("image", (8, 8, 1), "float32")
    source = SimpleNamespace(inputs=(image, Input("time", (2,), "float32")))
    with pytest.raises(DeployError, match="steps from noise to image"):
        infer(source, [IMAGES], (), {"noise": "image", "time": "time", "steps": steps})


def test_a_seed_is_noise_and_more_images_have_the_same_first_ones():
    many = draw_noise((4,), 50_000, 3)
    np.testing.assert_array_equal(draw_noise((4,), 2, 3), many[:2])
    assert many.dtype == np.float32
    assert many.mean() == pytest.approx(0, abs=0.01) and many.std() == pytest.approx(1, abs=0.01)
    assert np.abs(draw_noise((4,), 2, 4) - many[:2]).max() > 0.1


def test_the_way_between_is_on_a_circle():
    first, second = np.float32([2, 0, 0]), np.float32([0, 2, 0])
    half = np.sqrt(2)
    np.testing.assert_allclose(
        between(first, second, 3), [[2, 0, 0], [half, half, 0], [0, 2, 0]], atol=1e-6
    )
    np.testing.assert_allclose(between(first, first, 2), [first, first])


@pytest.fixture(scope="module")
def generator():
    """A conditional generator of 8 × 8 pixels in 0-255."""
    keras.utils.set_random_seed(0)
    noise, kind = keras.Input((4,), name="noise"), keras.Input((3,), name="class")
    x = keras.layers.Concatenate()([noise, kind])
    x = keras.layers.Dense(8 * 4 * 4, activation="relu")(x)
    x = keras.layers.UpSampling2D(interpolation="bilinear")(keras.layers.Reshape((4, 4, 8))(x))
    x = keras.layers.Conv2D(1, 3, padding="same", activation="sigmoid")(x)
    return keras.Model([noise, kind], keras.layers.Rescaling(255.0)(x), name="generator")


@pytest.fixture(scope="module", params=["cpu-float", "cpu", "cortex-m"])
def bundle(request, generator, tmp_path_factory):
    """Its bundle, with the card."""
    out = tmp_path_factory.mktemp("bundle") / request.param
    calibration = [draw_noise((4,), 64, 9), np.eye(3, dtype="float32")[np.arange(64) % 3]]
    card = deploy.export(
        generator,
        request.param,
        out=out,
        calibration=calibration,
        class_names=["ball", "box", "cone"],
        task={"task": "generation", "noise": "noise", "class": "class"},
        verbose=0,
    )
    return out, card


def test_a_seed_on_the_device_is_the_image_of_keras(bundle, generator):
    out, card = bundle
    assert card["task"] == "generation" and deploy.verify(out)["passed"]
    model = runtime.load(out)
    images = runtime.generate(model, 5, seed=7)
    assert images.shape == (5, 8, 8, 3) and images.dtype == np.uint8
    given = [draw_noise((4,), 5, 7), np.eye(3, dtype="float32")[[0, 1, 2, 0, 1]]]
    expected = generator.predict(given, verbose=0)
    # A rounding to pixels, and of int8 some steps.
    assert np.abs(images[..., :1] - expected).max() <= (0.51 if card["scheme"] == "float32" else 6)
    cones = runtime.generate(model, 2, seed=7, class_name="cone")
    assert np.abs(cones[0].astype(int) - images[0]).max() > 0
    np.testing.assert_array_equal(
        runtime.generate(model, 3, seed=7, to_seed=8, class_name="cone")[0], cones[0]
    )
    assert set(card["agreement"]) == {"SSIM", "PSNR"}
    assert "## Generation" in (out / "card.md").read_text("utf-8")


def test_the_command_writes_a_sheet(bundle, tmp_path, capsys):
    out, _ = bundle
    path = tmp_path / "sheet.png"
    command = ["generate", str(out), "--seed", "7", "--out", str(path)]
    assert main([*command, "--class", "cone", "--count", "5"]) == 0
    assert capsys.readouterr().out.startswith(f"{path}: 5 images, ")
    with Image.open(path) as sheet:
        # Rows of three, eight times as large, with gaps of four.
        assert sheet.size == (3 * 68 - 4, 2 * 68 - 4)
        tile = np.asarray(sheet)[:64:8, 68:132:8]
    expected = runtime.generate(runtime.load(out), 2, seed=7, class_name="cone")[1]
    np.testing.assert_array_equal(tile, expected)
    path.unlink()
    for wrong, message in (
        (["--class", "cube"], "one of the classes ball, box, cone, received 'cube'"),
        (["--count", "0"], "between 1 and 10000 images"),
        (["--seed", "-1"], "a seed of at least 0"),
        (["--steps", "3"], "no steps for a model that makes an image at once"),
    ):
        assert main([*command, *wrong]) == 2
        error = capsys.readouterr().err
        assert message in error and error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_denoiser_is_asked_step_by_step(tmp_path):
    """Of one that knows the image, DDIM finds it: ε = (x - √ᾱ image) / √(1 - ᾱ)."""
    image = np.linspace(-0.9, 0.9, 64, dtype="float32").reshape(8, 8, 1)
    x, time = keras.Input((8, 8, 1), name="image"), keras.Input((2,), name="time")
    # The time is (√ᾱ / √(1 - ᾱ), 1 / √(1 - ᾱ)), and the image a constant kernel.
    shown = keras.layers.Dense(64, use_bias=False, name="shown")
    scaled = keras.layers.Reshape((8, 8, 1))(shown(time[:, :1]))
    inverse = keras.layers.Reshape((1, 1, 1))(time[:, 1:])
    found = keras.layers.Subtract()([keras.layers.Multiply()([x, inverse]), scaled])
    model = keras.Model([x, time], found, name="denoiser")
    shown.set_weights([image.reshape(1, 64)])
    kept = [0.05, 0.3, 0.7, 0.95]
    steps = [
        {"kept": k, "time": [float(np.sqrt(k / (1 - k))), float(1 / np.sqrt(1 - k))]} for k in kept
    ]
    task = {"task": "generation", "noise": "image", "time": "time", "steps": steps}
    card = deploy.export(
        model,
        "cpu-float",
        out=tmp_path / "b",
        calibration=[
            draw_noise((8, 8, 1), 8, 0),
            np.float32([steps[k % 4]["time"] for k in range(8)]),
        ],
        task=task,
        verbose=0,
    )
    assert card["generation"]["steps"] == steps and (card["black"], card["white"]) == (-1, 1)
    device = runtime.load(tmp_path / "b")
    for count in (None, 1, 2):
        made = runtime.generate(device, 2, seed=1, steps=count)
        np.testing.assert_allclose(made[0, ..., :1], (image + 1) * 127.5, atol=1)
    with pytest.raises(DeployError, match="between 1 and 4 steps, received 5"):
        runtime.generate(device, steps=5)
    with pytest.raises(DeployError, match="expected no class for a model that is told none"):
        runtime.generate(device, class_name="cone")
    with pytest.raises(DeployError, match="`generate` takes every step"):
        device.predict([image, np.float32(steps[0]["time"])])


def test_the_device_denoises_as_keras_does(tmp_path):
    """In float the same seed is the same image, up to 1e-4 of a range of 2."""
    keras.utils.set_random_seed(0)
    denoiser = generative.denoising_unet((8, 8, 1), classes=3, filters=(4, 8), time_units=8)
    for variable in denoiser.trainable_variables:  # the last layer begins at zero
        variable.assign(variable + 0.05 * keras.random.normal(variable.shape))
    kept, times = generative.cosine_schedule(100), generative.time_embedding(100, 8)
    taken = np.linspace(99, 0, 5).round().astype(int)
    noise, kinds = draw_noise((8, 8, 1), 4, 7), np.eye(3, dtype="float32")[[0, 1, 2, 0]]

    def denoise(x, step):
        return denoiser.predict_on_batch([x, times[step], kinds])

    expected = generative.sample_diffusion(denoise, noise, kept, steps=5)
    steps = [{"kept": float(kept[step]), "time": times[step].tolist()} for step in taken]
    task = {"task": "generation", "noise": "image", "time": "time", "class": "class"}
    calibration = [noise, times[taken[:4]], kinds]
    deploy.export(
        denoiser,
        "cpu-float",
        out=tmp_path / "b",
        calibration=calibration,
        task=task | {"steps": steps},
        verbose=0,
    )
    model = runtime.load(tmp_path / "b")
    given = {"image": noise, "class": kinds}
    np.testing.assert_allclose(denoised(model, given), expected, atol=1e-4)
    pixels = runtime.generate(model, 4, seed=7)[..., :1]
    assert np.abs(pixels - (expected + 1) * 127.5).max() <= 0.52


def test_others_generate_nothing(tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    deploy.export(model, "cpu-float", out=tmp_path / "b", verbose=0)
    with pytest.raises(DeployError, match="a model for generation, received one for regression"):
        runtime.generate(runtime.load(tmp_path / "b"))
