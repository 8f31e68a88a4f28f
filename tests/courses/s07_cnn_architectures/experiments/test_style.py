"""Style transfer's experiments: pictures in and out, training by fit, data of our own."""

import keras
import numpy as np
import pytest
from PIL import Image

from courses.s07_cnn_architectures.experiments import style
from thinkkeras.models import convnet
from thinkkeras.style_transfer import StyleTransferLoss, match_colours

random = np.random.default_rng(0)


def photograph(height=16, width=24):
    """Bright and reddish above, dark and bluish below."""
    ramp = np.linspace(220, 30, height)[:, None, None] * np.array([1.0, 0.8, 0.6])
    return np.clip(ramp + random.normal(0, 12, (height, width, 3)), 0, 255).astype("uint8")


def loss_of(painting, **weights):
    keras.utils.set_random_seed(0)
    network = convnet((16, 16, 3), 4, filters=(6, 8))
    layers = style.last_layers(network)
    return StyleTransferLoss(
        network, painting, style_layers=layers, content_layer=layers[-1], **weights
    )


def test_pictures_are_read_in_proportion(tmp_path):
    pixels = photograph(40, 61)
    Image.fromarray(pixels).save(tmp_path / "picture.png")
    read = style.read_picture(tmp_path / "picture.png", 20)
    assert read.shape == (20, 32, 3) and read.dtype == np.uint8
    np.testing.assert_allclose(read.mean(axis=(0, 1)), pixels.mean(axis=(0, 1)), atol=1.5)
    Image.fromarray(pixels[..., 0]).save(tmp_path / "grey.png")
    assert style.read_picture(tmp_path / "grey.png", 40).shape == (40, 60, 3)


@pytest.mark.parametrize("content", [b"no picture", None])
def test_what_is_no_picture_is_told(tmp_path, content):
    path = tmp_path / "painting.jpg"
    if content:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=r"expected a picture file, received .*painting\.jpg"):
        style.read_picture(path, 20)


def test_paintings_are_found_by_name(tmp_path, monkeypatch, capsys):
    Image.fromarray(photograph(40, 61)).save(tmp_path / "the_scream.jpg")
    monkeypatch.setenv("THINKKERAS_DOWNLOADS", str(tmp_path))
    found = style.paintings(24)
    assert list(found) == ["the scream", "drawn"]
    assert all(one.shape[0] == 24 for one in found.values())
    assert capsys.readouterr().out.startswith("without starry_night.jpg: ")


def test_the_drawn_painting_has_strokes_and_a_palette():
    painting = style.drawn_painting(72, strokes=900)
    assert painting.shape == (72, 96, 3) and painting.dtype == np.uint8
    np.testing.assert_array_equal(painting, style.drawn_painting(72, strokes=900))
    assert (painting != style.drawn_painting(72, strokes=900, seed=1)).any()
    blue, yellow = (painting @ np.array(mix) for mix in ([-1.0, 0, 1.0], [0.5, 0.5, -1.0]))
    assert (blue > 40).mean() > 0.2 and (yellow > 40).mean() > 0.1
    # All over the canvas, neighbouring pixels differ.
    assert np.abs(np.diff(painting.astype(int), axis=0)).mean() > 5


def test_an_untrained_picture_model_changes_nothing():
    model = style.picture_model((10, 15, 3), sizes=3)
    assert model.count_params() == 3 * (10 * 15 + 5 * 8 + 3 * 4)
    pictures = random.uniform(0, 255, (1, 10, 15, 3)).astype("float32")
    np.testing.assert_array_equal(model(pictures), pictures)
    changes = [
        np.full(one.shape, step) for one, step in zip(model.weights, (1, 10, 100), strict=True)
    ]
    model.set_weights(changes)
    np.testing.assert_allclose(model(pictures), pictures + 111, atol=1e-3)


def test_optimisation_lowers_the_loss():
    painting, content = style.drawn_painting(24, strokes=100), photograph()
    loss = loss_of(painting, style_weight=50.0)
    snapshots = style.paint(loss, content, content, steps=25, keep=[0, 5])
    assert [one.step for one in snapshots] == [0, 5, 25]
    np.testing.assert_array_equal(snapshots[0].picture, content)
    assert snapshots[0].content == 0
    assert snapshots[2].style < 0.5 * snapshots[0].style
    assert snapshots[2].picture.shape == content.shape


def test_content_alone_brings_the_photograph_back():
    content = photograph()
    loss = loss_of(content, style_weight=0.0, variation_weight=0.0)
    noise = random.uniform(0, 255, content.shape)
    start, end = style.paint(loss, noise, content, steps=30, learning_rate=10.0, keep=[0])
    assert end.content < 0.3 * start.content


def test_what_layers_hold():
    network = convnet((16, 16, 3), 4, filters=(6, 8))
    styles, contents = style.style_and_content(
        network, style.drawn_painting(24, strokes=50), photograph(), ["stage1_block1_relu"], steps=2
    )
    assert [one.shape for one in styles + contents] == [(16, 24, 3)] * 2
    assert (styles[0] != contents[0]).any()


def test_last_layers():
    network = convnet((16, 16, 3), 4, filters=(6, (8, 8), 9))
    assert style.last_layers(network) == [
        "stage1_block1_relu",
        "stage2_block2_relu",
        "stage3_block1_relu",
    ]


def test_turned_crops():
    pictures = [np.full((20, 30, 3), 10, "uint8"), np.full((16, 16, 3), 200, "uint8")]
    for one in pictures:
        one[:, :, 0] = np.arange(one.shape[1])  # red grows to the right, before the turn
    crops, classes = style.turned_crops(pictures, size=8, examples=64)
    assert crops.shape == (64, 8, 8, 3) and crops.dtype == np.uint8
    assert set(classes) == set(range(8))
    for crop, kind in zip(crops.astype(int), classes, strict=True):
        assert crop[0, 0, 2] == (10, 200)[kind // 4]
        back = np.rot90(crop[..., 0], -(kind % 4))
        assert (np.diff(back, axis=1) == 1).all()


def test_crops_come_in_pairs():
    painting = style.drawn_painting(24, strokes=50)
    pictures = [photograph(20, 30), photograph(24, 16)]
    pairs = style.crops(pictures, painting, size=16, batch_size=2, seed=3)
    batches = [one for one, _ in zip(pairs.as_numpy_iterator(), range(4), strict=False)]
    assert all(one.shape == (2, 16, 16, 3) and one.dtype == np.float32 for one in batches[0])
    again = next(style.crops(pictures, painting, size=16, batch_size=2, seed=3).as_numpy_iterator())
    np.testing.assert_array_equal(batches[0][0], again[0])
    assert (batches[0][0] != batches[1][0]).any()
    # Both are the same place: the palette's pixels are those of the whole photograph's.
    palettes = [match_colours(one[None], painting)[0].astype("uint8") for one in pictures]
    pixels = {
        (*before, *after)
        for one, palette in zip(pictures, palettes, strict=True)
        for before, after in zip(one.reshape(-1, 3), palette.reshape(-1, 3), strict=True)
    }
    before, after = (part.reshape(-1, 3).astype("uint8") for part in batches[2])
    assert {(*one, *other) for one, other in zip(before, after, strict=True)} <= pixels
