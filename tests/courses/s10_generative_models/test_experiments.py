"""Session 10's measures, against numbers by hand and on generators made up in the test."""

import keras
import numpy as np
import pytest
from PIL import Image

from courses.s10_generative_models.experiments import (
    collapse,
    device,
    generators,
    latent,
    measures,
    memorised,
    progress,
    sampling,
)
from courses.s10_generative_models.plots import measures as measure_plots
from courses.s10_generative_models.plots import samples as sample_plots
from deploy.runtime.tasks.generation import draw_noise
from thinkkeras.models import generative

RECIPE = generators.Recipe(
    code=3,
    filters=(4, 4),
    units=(8,),
    noise=4,
    gan_filters=(4, 8),
    critic_steps=3,
    unet_filters=(4, 8),
    codebook=(4, 2),
    prior=(4, 1),
    batch_size=16,
    epochs=1,
    seconds=0.2,
    seeds=1,
    examples=20,
    likelihood=(4, 10),
    steps=2,
)


@pytest.fixture(scope="module")
def squares():
    """Images of two kinds, `(images, classes)`: a bright square on the left or on the right."""
    generator = np.random.default_rng(0)
    classes = np.arange(48) % 2
    images = 40 * generator.uniform(size=(48, 8, 8, 1))
    for image, kind in zip(images, classes, strict=True):
        image[2:6, 4 * kind : 4 * kind + 4] += 200
    return images.astype("float32"), classes


@pytest.fixture(scope="module")
def classifier():
    """Its features are the mean brightness of the left half and of the right one, 0-1."""
    image = keras.Input((8, 8, 1))
    halves = keras.layers.AveragePooling2D((8, 4))(keras.layers.Rescaling(1 / 255)(image))
    dense = keras.layers.Dense(2, activation="softmax")
    model = keras.Model(image, dense(keras.layers.Flatten()(halves)))
    dense.set_weights([20 * np.eye(2), np.zeros(2)])
    return model


@pytest.fixture(scope="module")
def judge(classifier, squares):
    return measures.judge(classifier, squares[0], 20, seed=1)


def linear_painter(classes=0):
    """A generator of which every number of the noise is a row of the image, times 50, plus 100."""
    noise = keras.Input((8,), name="noise")
    dense = keras.layers.Dense(64, use_bias=True)
    x = keras.layers.Reshape((8, 8, 1))(dense(noise))
    dense.set_weights([50 * np.repeat(np.eye(8), 8, axis=1), np.full(64, 100.0)])
    if not classes:
        return keras.Model(noise, x)
    kind = keras.Input((classes,), name="class")
    more = keras.layers.Dense(1, use_bias=False)
    x = keras.layers.Add()([x, keras.layers.Reshape((1, 1, 1))(more(kind))])
    more.set_weights([10.0 * np.arange(classes)[:, None]])
    return keras.Model([noise, kind], x)


def test_a_judge_sees_halves_that_share_no_image(judge, squares):
    assert judge.real.shape == (20, 2) and judge.others.shape == (20, 8, 8, 1)
    assert judge.classes == 2
    features = squares[0].reshape(48, 8, 2, 4).mean(axis=(1, 3)) / 255
    np.testing.assert_allclose(judge.of(squares[0]), features, rtol=1e-5)
    np.testing.assert_array_equal(judge.recognised(squares[0]), squares[1])
    kept = {tuple(np.round(row, 6)) for row in judge.real}
    assert not kept & {tuple(np.round(row, 6)) for row in judge.of(judge.others)}


def test_quality_tells_the_real_from_the_collapsed(judge, squares):
    floor = measures.quality(judge, judge.others)
    one = measures.quality(judge, np.repeat(squares[0][:1], 20, axis=0))
    assert floor.found == 1 and one.found == 0.5
    assert floor.frechet < one.frechet / 3
    # Of two features 100 of 255 apart, with a share p of the other kind, the means are p apart and
    # the variances p (1 - p): p² + p (1 - p) = p.
    other = np.mean(judge.real[:, 1] > judge.real[:, 0])
    assert one.frechet == pytest.approx(2 * other * (100 / 255) ** 2, rel=0.1)
    assert one.recall < floor.recall and one.coverage < floor.coverage
    assert floor.sharpness == pytest.approx(1, abs=0.1)
    assert measures.frechet(judge, judge.others) == floor.frechet
    rows = measures.quality_table({"real": [floor], "two seeds": [floor, one]})
    assert len(rows[0]) == 9 and rows[1][0] == "real"
    assert "±" in rows[2][1] and "±" not in rows[1][1] and rows[2][7] == "0.75 ± 0.25"


def test_a_training_ends_in_time_and_its_rate_falls(squares):
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(1)]
    )
    model.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=False)
    clock = generators.TrainFor(0.2, learning_rate=1e-6)
    model.fit(squares[0], squares[1], batch_size=16, epochs=100_000, callbacks=[clock], verbose=0)
    assert clock.steps == int(model.optimizer.iterations) > 1
    assert float(model.optimizer.learning_rate) < 1e-6


@pytest.mark.parametrize("name", ["conditional VAE", "plain DCGAN", "conditional diffusion",
                                  "VQ-VAE"])  # fmt: skip
def test_every_method_makes_images_of_a_seed(name, squares):
    images, classes = squares
    one = generators.make(name, images, classes, RECIPE, seed=0)
    drawn = one.draw(5, 3)
    assert drawn.shape == (5, 8, 8, 1) and drawn.min() >= 0 and drawn.max() <= 255
    np.testing.assert_allclose(one.draw(5, 3), drawn, atol=1e-3)
    assert one.steps >= 1 and one.parameters > 0 and one.trained > 0
    error = measures.reconstruction(one, images, classes)
    if name in ("conditional VAE", "VQ-VAE"):
        assert 0 < error < 1
    else:
        assert error is None
    if name == "conditional VAE":
        found = measures.likelihood(one.trainer, images[:4], classes[:4], samples=20)
        assert found.elbo < found.bound < 0
    row = measures.cost_table({name: [one]}, {name: error}, {})[1]
    assert row[1] == f"{one.parameters:,}" and row[6] == "–"


def test_a_vae_that_has_learned_nothing_gives_each_pixel_half_a_chance(squares):
    """Its codes are the prior's and say nothing: each bound is 64 times the logarithm of a half."""
    vae = generative.vae((8, 8, 1), 3, filters=(), units=(4,), seed=0)
    for variable in vae.trainable_variables:
        variable.assign(0 * variable)
    vae.compile("adam", jit_compile=False)
    images = squares[0][:4]
    nothing = -64 * np.log(2)
    assert measures.bounds_by_samples(vae, images, [1, 10]) == pytest.approx([nothing] * 2)
    found = measures.likelihood(vae, images, samples=10)
    assert (found.elbo, found.bound) == pytest.approx((nothing, nothing))
    assert found.deviation == pytest.approx(0, abs=1e-4)


def test_the_yardstick_has_keras_ios_layers():
    model = generators.plain_dcgan((28, 28, 1))
    kinds = [type(layer).__name__ for layer in model.generator.layers]
    assert kinds.count("Conv2DTranspose") == 2 and "BatchNormalization" not in kinds
    # 128 x 6,272 + 6,272; (16 x 128 + 1) x 128; (16 x 128 + 1) x 256; 25 x 256 + 1
    assert model.generator.count_params() == 809_088 + 262_272 + 524_544 + 6_401
    # (16 + 1) x 64; (16 x 64 + 1) x 128; 6,272 + 1
    assert model.discriminator.count_params() == 1_088 + 131_200 + 6_273


def test_a_network_paints_noise_and_classes_in_turn():
    noise = draw_noise((8,), 4, 7)
    rows = np.repeat(100 + 50 * noise[:, :, None, None], 8, axis=2)
    np.testing.assert_allclose(generators.paint(linear_painter(), noise), rows, atol=1e-3)
    drawn = generators.drawing(linear_painter(3))(4, 7)
    brighter = 10 * np.array([0, 1, 2, 0]).reshape(4, 1, 1, 1)
    np.testing.assert_allclose(drawn, rows + brighter, atol=1e-3)
    sheet = latent.classes_by_noise(linear_painter(3), 3, count=2, seed=7)
    assert sheet.shape == (2, 3, 8, 8, 1)
    np.testing.assert_allclose(sheet[1, 2] - sheet[1, 0], 20, atol=1e-3)


def test_ways_begin_and_end_at_the_seeds():
    network = linear_painter()
    way = latent.ways(network, (1, 2, 3), count=5)
    assert way.shape == (2, 5, 8, 8, 1)
    ends = [generators.paint(network, draw_noise((8,), 1, seed))[0] for seed in (1, 2, 3)]
    for received, expected in ((way[0, 0], ends[0]), (way[0, -1], ends[1]), (way[1, -1], ends[2])):
        np.testing.assert_allclose(received, expected, atol=1e-2)


def test_walks_change_one_number():
    walks = latent.number_walks(linear_painter(), [2, 5], reach=2, count=3)
    assert list(walks) == ["number 2", "number 5"]
    for number, images in zip((2, 5), walks.values(), strict=True):
        expected = np.full((3, 8, 8, 1), 100.0)
        expected[:, number] += np.array([-100, 0, 100]).reshape(3, 1, 1)
        np.testing.assert_allclose(images, expected, atol=1e-3)


def test_use_of_a_codes_numbers_by_hand():
    """Mean 1 and variance 1 are half a nat; mean 0 and variance 1 none."""
    image = keras.Input((8, 8, 1))
    flat = keras.layers.Flatten()(image)
    mean, log_variance = keras.layers.Dense(2), keras.layers.Dense(2)
    encoder = keras.Model(image, [mean(flat), log_variance(flat)])
    mean.set_weights([np.zeros((64, 2)), np.array([1.0, 0.0])])
    log_variance.set_weights([np.zeros((64, 2)), np.zeros(2)])
    images = np.ones((3, 8, 8, 1))
    np.testing.assert_allclose(latent.used_numbers(encoder, images), [0.5, 0], atol=1e-6)
    decoder_code = keras.Input((2,), name="code")
    decoder = keras.Model(decoder_code, keras.layers.Reshape((1, 2, 1))(decoder_code))
    way = latent.between_images(encoder, decoder, images[0], images[1], count=3)
    np.testing.assert_allclose(way.reshape(3, 2), [[1, 0]] * 3, atol=1e-6)


def test_a_copier_is_found(squares):
    images, _ = squares
    generator = np.random.default_rng(1)
    found = memorised.copies(images[:10] + 0.5, images[:30], images[30:], shown=4)
    assert found.score == 1 and found.images.shape == found.nearest.shape == (4, 8, 8, 1)
    np.testing.assert_array_equal(found.nearest, images[:4])
    far = 255 * generator.uniform(size=(10, 8, 8, 1))
    honest = memorised.copies(far, images[:30], images[30:])
    assert honest.score == 0
    assert memorised.copying_table({"copier": found, "noise": honest})[1:] == [
        ["copier", "1.00"],
        ["noise", "0.00"],
    ]


def test_a_collapse_is_seen(judge, squares):
    """A generator that makes one image whatever the noise has no spread."""
    game = generative.dcgan((8, 8, 1), 4, filters=(4, 8), seed=0)
    watch = collapse.Watch(judge, count=20, shown=3)
    watch.set_model(game)
    for variable in game.generator.trainable_variables:
        variable.assign(0 * variable)
    watch.look(0)
    assert watch.watched.epochs == [0] and watch.watched.found == [0.5]
    assert watch.watched.spread[0] == pytest.approx(0, abs=1e-6)
    assert watch.watched.images[0].shape == (3, 8, 8, 1)
    better = collapse.Watched([0, 1, 2], [0.1, 0.5, 1.0], [0.0, 0.3, 0.9], [])
    assert collapse.collapse_table([("game", better)])[1] == ["game", "100 %", "50 %", "0.90"]


@pytest.mark.parametrize("name", collapse.GAMES)
def test_games_differ_in_their_rates(name):
    game = collapse.game(name, (8, 8, 1), RECIPE)
    first, second = (float(each.learning_rate) for each in
                     (game.optimizer.first, game.optimizer.second))  # fmt: skip
    assert second / first == pytest.approx(50 if name == "generator too fast" else 1, rel=1e-4)
    assert (game.gradient_penalty, game.critic_steps) == ((10, 3) if name == "WGAN-GP" else (0, 1))


def all_is_noise():
    """A denoiser that takes all it sees for noise; of the time it makes nothing."""
    noisy, time = keras.Input((8, 8, 1), name="image"), keras.Input((8,), name="time")
    nothing = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")(time)
    x = keras.layers.Add()([noisy, keras.layers.Reshape((1, 1, 1))(nothing)])
    return keras.Model([noisy, time], x)


def test_steps_are_tried_with_both_samplers(judge):
    found = sampling.by_steps(all_is_noise(), judge, (1, 3), count=6)
    assert [(each.steps, each.eta) for each in found] == [(1, 0.0), (3, 0.0), (1, 1.0), (3, 1.0)]
    # Of one step there is nothing to draw anew.
    assert found[0].frechet == pytest.approx(found[2].frechet)
    rows = sampling.steps_table(found)
    assert [row[0] for row in rows] == ["steps", "1", "3"] and rows[1][1] == rows[1][2]
    way = sampling.on_the_way(all_is_noise(), count=2, steps=4, shown=3)
    assert way.shape == (2, 3, 8, 8, 1)
    noise = draw_noise((8, 8, 1), 2, 0)
    image = generators.paint(all_is_noise(), noise, steps=4)
    np.testing.assert_allclose(way[:, -1], image, atol=1e-2)


def test_a_denoisers_card_goes_from_noise_to_image(squares):
    images, classes = squares
    denoiser = generative.denoising_unet((8, 8, 1), classes=2, filters=(4, 8), time_units=8)
    told = device.task(denoiser, 5)
    assert {key: told[key] for key in ("noise", "class", "time")} == {
        "noise": "image",
        "class": "class",
        "time": "time",
    }
    kept = [step["kept"] for step in told["steps"]]
    assert len(kept) == 5 and kept == sorted(kept) and 0 < kept[0] < 0.01 and kept[-1] > 0.99
    noisy, times, kinds = device.calibration(denoiser, images[:10], classes[:10], 5)
    # The first five have the five steps' shares, from noise to image.
    alike = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(noisy, images, strict=False)]
    assert alike[0] < 0.5 < 0.99 < alike[4]
    np.testing.assert_array_equal(times[5], times[0])
    np.testing.assert_array_equal(kinds.argmax(axis=1), classes[:10])


def test_a_generators_calibration_is_noise(squares):
    network = linear_painter()
    assert device.task(network, 20) == {"task": "generation", "noise": "noise"}
    np.testing.assert_array_equal(
        device.calibration(network, *(each[:6] for each in squares), 20, seed=3),
        draw_noise((8,), 6, 3),
    )


def test_the_device_table_states_the_rise(judge):
    card = {
        "target": "cpu",
        "scheme": "int8",
        "size_bytes": 12_340,
        "latency_ms": {"median": 0.5},
        "generation": {"steps": [{}] * 4},
    }
    images = {"painter": {"Keras": judge.others, "cpu": judge.others}}
    distance = f"{measures.frechet(judge, judge.others):.2f}"
    assert device.device_table({"painter": [card]}, images, judge)[1] == [
        "painter", "cpu", "int8", "12.3 kB", "2.000 ms", distance, distance, "+0 %",
    ]  # fmt: skip


def test_snapshots_keep_the_same_noise(squares):
    game = generative.dcgan((8, 8, 1), 4, filters=(4, 8), seed=0)
    kept = progress.Snapshots(count=3, every=2, seed=5)
    kept.set_model(game)
    kept.on_train_begin()
    for epoch in range(4):
        kept.on_epoch_end(epoch)
    assert kept.epochs == [0, 2, 4]
    expected = game.generator.predict(draw_noise((4,), 3, 5), verbose=0)
    np.testing.assert_allclose(kept.images[-1], expected, atol=1e-3)


def test_figures_and_animation_are_drawn(tmp_path, judge):
    images = judge.others[:6]
    sample_plots.strip([0, 1, 2], [images] * 3, tmp_path / "strip.png")
    sample_plots.class_sheet(images.reshape(3, 2, 8, 8, 1), ["a", "b"], tmp_path / "sheet.png")
    copied = memorised.Copies(images, images, 0.5)
    sample_plots.nearest({"VAE": copied}, tmp_path / "nearest.png")
    history = {"reconstruction": [3.0, 2.0], "kl": [0.1, 0.2]}
    measure_plots.bound_in_parts({"β = 1": history}, tmp_path / "bound.png")
    measure_plots.bounds([1, 10], [-5.0, -4.0], tmp_path / "bounds.png")
    watched = collapse.Watched([0, 1], [0.5, 1.0], [0.1, 0.9], [])
    measure_plots.collapse({"DCGAN": watched}, tmp_path / "collapse.png")
    found = [sampling.Sampled(n, eta, 3.0, 1.0) for eta in (0.0, 1.0) for n in (5, 10)]
    measure_plots.steps(found, tmp_path / "steps.png")
    one = measures.quality(judge, judge.others)
    measure_plots.fidelity_and_variety({"real images": [one]}, tmp_path / "points.png")
    measure_plots.used_numbers(np.array([0.1, 2.0]), tmp_path / "numbers.png")
    assert len(list(tmp_path.glob("*.png"))) == 9
    sample_plots.animation([images, 0 * images], tmp_path / "a.gif", scale=2)
    with Image.open(tmp_path / "a.gif") as gif:
        # Five a row of 8 pixels with lines between, twice as large.
        assert gif.n_frames == 2 and gif.size == (2 * 44, 2 * 17)
    assert not list(tmp_path.glob("*.partial"))
