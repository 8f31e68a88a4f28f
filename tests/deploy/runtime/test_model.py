"""The part on the device: quantization by hand, images, bare files, damage."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

import deploy
from deploy import DeployError, runtime
from deploy.runtime.__main__ import main
from deploy.runtime.inputs.image import open_file, to_array
from deploy.runtime.model import to_probabilities
from deploy.runtime.quantization import dequantize, quantize


@pytest.mark.parametrize(
    ("real", "tensor", "integers"),
    [
        (
            [0.0, 1.0, 254.6, 255.0, 300.0, -3.0],
            ("int8", 1.0, -128),
            [-128, -127, 127, 127, 127, -128],
        ),
        ([-1.0, 0.0, 0.25, 0.75, 5.0], ("int8", 0.5, 0), [-2, 0, 1, 2, 10]),
        ([0.0, 0.1, 1.0], ("uint8", 0.1, 3), [3, 4, 13]),
        ([-1.0, 1.0], ("int16", 1 / 32768, 0), [-32768, 32767]),
    ],
)
def test_quantize_by_hand(real, tensor, integers):
    entry = dict(zip(("dtype", "scale", "zero_point"), tensor, strict=True))
    received = quantize(np.array(real), entry)
    assert received.tolist() == integers
    assert received.dtype == tensor[0]
    back = dequantize(received, entry)
    inside = (back > back.min()) & (back < back.max())
    assert np.abs(back - real)[inside].max(initial=0) <= tensor[1] / 2 + 1e-6


def test_probabilities_by_hand():
    logits = np.array([[0.0, np.log(3.0)]])
    np.testing.assert_allclose(to_probabilities(logits, "linear"), [[0.25, 0.75]])
    np.testing.assert_allclose(to_probabilities(np.array([[0.2]]), "sigmoid"), [[0.8, 0.2]])
    np.testing.assert_allclose(to_probabilities(np.array([[0.0]]), "linear"), [[0.5, 0.5]])
    assert to_probabilities(logits, "softmax") is logits


@pytest.mark.parametrize(("pixels", "white"), [((0, 255), 255.0), ((0, 1), 1.0), ((-1, 1), 1.0)])
def test_an_image_in_the_models_units(pixels, white):
    image = Image.fromarray(np.array([[0, 255], [255, 0]], "uint8"))
    array = to_array(image, (2, 2, 3), pixels)
    assert array.shape == (2, 2, 3) and array.dtype == np.float32
    assert array[0, 1].tolist() == [white] * 3
    assert array[0, 0, 0] == pixels[0]
    assert to_array(image, (6, 4, 1), pixels).shape == (6, 4, 1)


@pytest.mark.parametrize("mode", ["I;16", "RGBA", "P", "CMYK", "LA", "1"])
def test_every_kind_of_image_comes_in(mode, tmp_path):
    grey = Image.fromarray(np.array([[0, 128], [255, 64]], "uint8"))
    if mode == "I;16":
        wide = np.asarray(grey).astype("uint16") * 257
        Image.fromarray(wide).save(tmp_path / "image.png")
    else:
        kind = "JPEG" if mode == "CMYK" else "PNG"
        grey.convert(mode).save(tmp_path / "image.png", format=kind)
    array = to_array(open_file(tmp_path / "image.png"), (2, 2, 1), (0, 255))
    exact = mode in ("I;16", "RGBA", "LA", "P")
    assert np.abs(array[..., 0] - np.asarray(grey, "float32")).max() <= (1 if exact else 128)
    assert array[1, 0, 0] > array[0, 0, 0]


@pytest.fixture(scope="module")
def bundle(exported):
    return exported("convnet", "cpu")


@pytest.fixture
def digit(digits, tmp_path):
    """A test image as a PNG, twice its size, with its class."""
    image = Image.fromarray(digits.test[0][0, ..., 0])
    image.resize((16, 16), Image.Resampling.NEAREST).save(tmp_path / "digit.png")
    return tmp_path / "digit.png", digits.test[1][0]


def test_arrays_batches_and_images_give_the_same_answer(bundle, digits, digit):
    model, (path, truth) = runtime.load(bundle), digit
    one = model.predict(digits.test[0][0])
    batch = model.predict(digits.test[0][:3])
    assert one["label"] == str(truth) and one["index"] == truth
    assert one["probabilities"].shape == (10,)
    assert isinstance(batch, list) and len(batch) == 3
    assert np.array_equal(batch[0]["probabilities"], one["probabilities"])
    for image in (path, str(path), Image.open(path)):
        assert model.predict(image)["label"] == str(truth)


@pytest.mark.parametrize("form", [(), (1,), (3,)])
def test_a_cameras_array_is_resized(form, bundle, digits):
    large = np.kron(digits.test[0][0, ..., 0], np.ones((4, 4), "uint8"))
    frame = np.broadcast_to(large.reshape(32, 32, *[1] * len(form)), (32, 32, *form))
    prediction = runtime.load(bundle).predict(frame)
    assert prediction["index"] == digits.test[1][0]


def test_a_bare_file_gives_its_outputs(bundle, digits):
    model = runtime.load(bundle / "model.tflite")
    assert model.labels == []
    (output,) = model.predict(digits.test[0][0])["outputs"].values()
    np.testing.assert_array_equal(
        output, runtime.load(bundle).predict(digits.test[0][0])["probabilities"]
    )


@pytest.mark.parametrize("shape", [(8, 8), (9, 8, 1), (2, 2, 8, 8, 1), (0, 8, 8, 1)])
def test_an_array_of_another_shape_is_refused(shape, bundle):
    with pytest.raises(DeployError, match="expected"):
        runtime.load(bundle).predict(np.zeros(shape))


@pytest.fixture
def copy(bundle, tmp_path):
    shutil.copytree(bundle, tmp_path / "copy")
    return tmp_path / "copy"


def spoil_model(folder, change):
    content = bytearray((folder / "model.tflite").read_bytes())
    (folder / "model.tflite").write_bytes(change(content))


def flip(content):
    content[len(content) // 2] ^= 1
    return content


DAMAGE = {
    "a truncated model": (lambda f: spoil_model(f, lambda c: c[:-100]), "received another one of"),
    "a flipped bit": (lambda f: spoil_model(f, flip), "received another one of"),
    "no model": (lambda f: (f / "model.tflite").unlink(), "received none"),
    "no card": (lambda f: (f / "card.json").unlink(), "with card.json"),
    "a torn card": (lambda f: (f / "card.json").write_text("{"), "damaged file"),
    "an empty card": (lambda f: (f / "card.json").write_text("{}"), "expected a card with"),
    "a list for a card": (lambda f: (f / "card.json").write_text("[]"), "expected a card with"),
    "no inputs": (lambda f: change_card(f, inputs=[]), "inputs or outputs of its model"),
    "inputs of numbers": (lambda f: change_card(f, inputs=[3]), "inputs or outputs of its model"),
    "no target": (lambda f: change_card(f, target=None), "expected a card with target"),
    "labels in another code": (
        lambda f: (f / "labels.txt").write_bytes("é".encode("latin-1")),
        "UTF-8",
    ),
}


def change_card(folder, **changes):
    card = json.loads((folder / "card.json").read_text("utf-8"))
    (folder / "card.json").write_text(json.dumps(card | changes), "utf-8")


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_bundle_is_refused(name, copy, capsys):
    spoil, message = DAMAGE[name]
    spoil(copy)
    with pytest.raises(DeployError, match=message):
        runtime.load(copy)
    assert main(["selftest", str(copy)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_what_the_model_says_of_its_tensors_counts(copy, digits):
    expected = runtime.load(copy).predict(digits.test[0][0])["probabilities"]
    card = json.loads((copy / "card.json").read_text("utf-8"))
    entry = {"name": "image", "scale": 3.0, "dtype": "bogus", "shape": "none"}
    change_card(copy, inputs=[card["inputs"][0] | entry])
    received = runtime.load(copy).predict(digits.test[0][0])["probabilities"]
    np.testing.assert_array_equal(received, expected)


RECORDED = {
    "no inputs": lambda arrays: {"output_0": arrays["output_0"], "keras_0": arrays["keras_0"]},
    "no outputs": lambda arrays: {"input_0": arrays["input_0"], "keras_0": arrays["keras_0"]},
    "another shape": lambda arrays: arrays | {"input_0": arrays["input_0"][:, 1:]},
    "another number": lambda arrays: arrays | {"output_0": arrays["output_0"][1:]},
    "another dtype": lambda arrays: arrays | {"input_0": arrays["input_0"].astype("float32")},
    "a number": lambda arrays: arrays | {"keras_0": np.array(3.0)},
    "nothing": lambda arrays: {name: array[:0] for name, array in arrays.items()},
}


@pytest.mark.parametrize("change", RECORDED.values(), ids=RECORDED)
def test_recorded_arrays_of_another_model_are_refused(change, copy):
    with np.load(copy / "selftest.npz") as archive:
        arrays = dict(archive)
    np.savez(copy / "selftest.npz", **change(arrays))
    for check in (runtime.selftest, deploy.verify, deploy.benchmark):
        with pytest.raises(DeployError, match="received others"):
            check(copy)


@pytest.mark.parametrize("size", [0, 4, 100, 5000])
def test_a_truncated_bare_file_is_refused(size, bundle, tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes((bundle / "model.tflite").read_bytes()[:size])
    with pytest.raises(DeployError, match=f"received {size} bytes that LiteRT refuses"):
        runtime.load(path)


def test_the_selftest_fails_on_other_outputs(copy, capsys):
    assert main(["selftest", str(copy)]) == 0
    with np.load(copy / "selftest.npz") as archive:
        arrays = dict(archive)
    np.savez(copy / "selftest.npz", **arrays | {"input_0": arrays["input_0"][::-1]})
    assert main(["selftest", str(copy)]) == 1
    assert "FAILED" in capsys.readouterr().out
    (copy / "selftest.npz").write_text("hello")
    assert main(["selftest", str(copy)]) == 2


def test_run_prints_labels_and_draws(bundle, digit, tmp_path, capsys):
    path, truth = digit
    drawing = tmp_path / "drawing.png"
    assert main(["run", str(bundle), str(path), str(path), "--draw", str(drawing)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and lines[0].startswith(f"{path}: {truth} (")
    with Image.open(drawing) as image:
        assert image.width > 2 * 256 and image.height > 256


def test_run_takes_array_files(bundle, digits, tmp_path, capsys):
    np.save(tmp_path / "one.npy", digits.test[0][0])
    np.savez(tmp_path / "many.npz", x=digits.test[0][:4], y=digits.test[1][:4])
    assert main(["run", str(bundle), str(tmp_path / "one.npy"), str(tmp_path / "many.npz")]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 5


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (["missing.png"], "which does not exist"),
        (["text.png"], "expected an image that Pillow reads"),
        (["text.npy"], "expected an .npy array"),
        (["image.png", "--draw", "no/such/folder.png"], "can be written"),
        (["image.png", "--draw", "."], "can be written"),
        (["image.png", "--draw", ""], "can be written"),
        (["nan.npy", "--draw", "out.png"], "expected images and a classifier"),
        (["nan.npy"], "finite real numbers"),
        (["words.npy"], "finite real numbers"),
        (["complex.npy"], "finite real numbers"),
    ],
)
def test_bad_input_is_told_in_one_line(inputs, message, bundle, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("text.png", "text.npy"):
        (tmp_path / name).write_text("hello")
    Image.new("L", (8, 8), 128).save("image.png")
    np.save("nan.npy", np.full((8, 8, 1), np.nan))
    np.save("words.npy", np.full((8, 8, 1), "a"))
    np.save("complex.npy", np.ones((8, 8, 1), complex))
    assert main(["run", str(bundle), *inputs]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_the_card_names_what_the_recorded_inputs_are_in(bundle):
    card = json.loads((bundle / "card.json").read_text())
    with np.load(bundle / "selftest.npz") as archive:
        assert archive["input_0"].dtype == card["inputs"][0]["dtype"] == "int8"
        assert archive["input_0"].shape == (8, 8, 8, 1)
        np.testing.assert_allclose(
            dequantize(archive["output_0"], card["outputs"][0]), archive["keras_0"], atol=0.1
        )
