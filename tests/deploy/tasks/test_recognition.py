"""Recognition: episodes against scikit-learn, thresholds, and encoders exported to every target."""

import json

import keras
import numpy as np
import pytest
from sklearn.neighbors import NearestCentroid

import deploy
from deploy import DeployError, runtime
from deploy.__main__ import main
from deploy.load.readers import load
from deploy.tasks import infer_task, read_task
from deploy.tasks.recognition import card_lines, episode_accuracy
from tests.deploy import strokes


def card(**settings):
    defaults = {"distance": "euclidean", "ways": 5, "shots": 1, "queries": 3, "episodes": 200}
    return {"recognition": defaults | {"seed": 0} | settings}


def clusters(spread, classes=12, each=8):
    """Embeddings around a centre for each class, (classes · each, 6), and the classes' numbers."""
    generator = np.random.default_rng(0)
    y = np.repeat(np.arange(classes), each)
    noise = generator.normal(size=(len(y), 6))
    return generator.normal(size=(classes, 6))[y] + spread * noise, y


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_classes_far_apart_are_told_without_an_error(distance):
    embeddings, y = clusters(1e-3)
    assert episode_accuracy(card(distance=distance), y, [embeddings]) == 1.0


def test_noise_is_told_by_chance():
    embeddings = np.random.default_rng(0).normal(size=(96, 6))
    measured = episode_accuracy(card(episodes=2000), np.repeat(np.arange(12), 8), [embeddings])
    assert measured == pytest.approx(1 / 5, abs=0.02)


# Of one image there is no variance, which nobody asks scikit-learn for.
@pytest.mark.filterwarnings("ignore:invalid value encountered in divide")
@pytest.mark.parametrize("shots", [1, 5])
def test_episodes_agree_with_scikit_learn(shots):
    """All classes and images in each episode, but for which are shown: so many episodes of
    `NearestCentroid` have the same mean within their noise."""
    embeddings, y = clusters(0.8)
    told = card(ways=12, shots=shots, queries=8 - shots, episodes=300)
    generator, right = np.random.default_rng(1), []
    for _ in range(300):
        shown = np.concatenate(
            [generator.choice(np.flatnonzero(y == k), shots, replace=False) for k in range(12)]
        )
        others = np.setdiff1d(np.arange(len(y)), shown)
        nearest = NearestCentroid().fit(embeddings[shown], y[shown])
        right.append(np.mean(nearest.predict(embeddings[others]) == y[others]))
    measured = episode_accuracy(told, y, [embeddings])
    assert 0.3 < measured < 0.95
    assert measured == pytest.approx(np.mean(right), abs=5 * np.std(right) / np.sqrt(300))


def test_class_ids_are_numbers_or_texts_in_any_order():
    embeddings, y = clusters(0.8)
    expected = episode_accuracy(card(), y, [embeddings])
    assert episode_accuracy(card(), [f"{number:02}" for number in y], [embeddings]) == expected
    assert episode_accuracy(card(), y[:, None] + 40, [embeddings]) == expected
    # Another seed draws others.
    assert episode_accuracy(card(seed=1), y, [embeddings]) != expected


@pytest.mark.parametrize(
    ("settings", "y", "message"),
    [
        (
            {"ways": 13},
            np.repeat(np.arange(12), 8),
            "13 classes of at least 4 .* received 12 of 12",
        ),
        ({"queries": 8}, np.repeat(np.arange(12), 8), "at least 9 images, received 0 of 12"),
        ({}, np.arange(4), "a target y for each of the 96 examples"),
        ({}, np.eye(96), "a class id y, a whole number or a text"),
        ({}, np.linspace(0, 1, 96), "a class id y, a whole number or a text"),
    ],
)
def test_test_data_without_episodes_are_refused(settings, y, message):
    with pytest.raises(DeployError, match=message):
        episode_accuracy(card(**settings), y, [np.zeros((96, 6))])


def inferred(model, settings, class_names=()):
    source = load(model)
    return infer_task(source, source.predict([strokes.characters(4, 2)[0]]), class_names, settings)


def test_what_is_said_and_what_holds_otherwise():
    found = inferred(strokes.encoder(), read_task("recognition"))
    assert found["metric"] == "20-way 1-shot accuracy"
    assert found["recognition"] == {
        "distance": "cosine", "threshold": None, "threshold_from": None, "ways": 20, "shots": 1,
        "queries": 5, "episodes": 1000, "seed": 0, "unit_length": False,
    }  # fmt: skip
    # Nobody takes an encoder for one unasked.
    assert inferred(strokes.encoder(), None)["task"] == "regression"
    told = {"task": "recognition", "shots": 5, "threshold": 1, "threshold_from": "a guess"}
    found = inferred(strokes.encoder(), read_task(told))
    assert found["metric"] == "20-way 5-shot accuracy"
    text = "\n".join(card_lines(found | {"outputs": [{"name": "e", "shape": [1, 48]}]}))
    assert "name: 1 (a guess)." in text and "5 images shown and 5 asked for" in text
    assert "cut it off" not in text


def test_a_normalisation_in_the_graph_is_told():
    model = strokes.encoder(keras.layers.UnitNormalization())
    found = inferred(model, read_task("recognition"))
    assert found["recognition"]["unit_length"]
    text = "\n".join(card_lines(found | {"outputs": [{"name": "e", "shape": [1, 48]}]}))
    assert "cut it off with keras.Model" in text


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"margin": 1}, "expected of the task recognition distance, .* received 'margin'"),
        ({"distance": "manhattan"}, "the distance cosine or euclidean, received 'manhattan'"),
        ({"threshold": -0.1}, "a distance of 0 or more for the threshold, received -0.1"),
        ({"threshold": "near"}, "a distance of 0 or more for the threshold, received 'near'"),
        ({"threshold_from": 3}, "where the threshold comes from, received 3"),
        ({"ways": 1}, "expected ways of 2 or more, a whole number, received 1"),
        ({"shots": 0}, "expected shots of 1 or more"),
        ({"queries": 1.5}, "expected queries of 1 or more, a whole number, received 1.5"),
        ({"episodes": True}, "expected episodes of 1 or more"),
        ({"seed": -1}, "expected seed of 0 or more"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, message):
    with pytest.raises(DeployError, match=message):
        inferred(strokes.encoder(), read_task({"task": "recognition"} | settings))


@pytest.mark.parametrize(
    ("last", "class_names", "message"),
    [
        (keras.layers.Reshape((6, 8)), (), "one embedding of shape .* cut the model off there"),
        (keras.layers.Dense(1), (), "one embedding of shape"),
        (None, ["a", "b"], "no class names for the task recognition, received 2"),
    ],
)
def test_what_is_no_encoder_is_refused(last, class_names, message):
    with pytest.raises(DeployError, match=message):
        inferred(strokes.encoder(last), read_task("recognition"), class_names)


@pytest.fixture(scope="module")
def held_out():
    return strokes.characters(40, 6, seed=3)


@pytest.mark.parametrize("rate", [0.01, 0.2])
def test_the_threshold_has_the_rate_that_was_asked_for(rate, held_out):
    found = deploy.recognition_threshold(
        strokes.encoder(), *held_out, false_accept=rate, task=strokes.TASK
    )
    # 400 episodes of 5 strangers with 3 images.
    assert rate - 1 / 6000 <= found.false_accept <= rate
    assert 0 < found.false_reject < 1 and found.classes == 40
    assert found.task["threshold"] == found.threshold
    assert f"{100 * rate:.2g} % of strangers' images get a name" in found.task["threshold_from"]
    # As many strangers of other characters get a name, more or less.
    others = strokes.characters(40, 6, seed=4)
    embeddings = strokes.encoder().predict(others[0], verbose=0)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    generator, accepted = np.random.default_rng(5), []
    for _ in range(400):
        classes = generator.permutation(40)
        shown = 6 * classes[:5]
        strangers = 6 * classes[5:10] + 1
        nearest = (1 - embeddings[strangers] @ embeddings[shown].T).min(axis=1)
        accepted.append(np.mean(nearest <= found.threshold))
    assert np.mean(accepted) == pytest.approx(rate, abs=0.5 * rate + 0.005)


def test_a_threshold_that_is_reached_further_lets_in_more(held_out):
    rates = [0.01, 0.1, 0.5]
    found = [
        deploy.recognition_threshold(
            strokes.encoder(), *held_out, false_accept=rate, task={"ways": 5, "queries": 3}
        )
        for rate in rates
    ]
    assert found[0].threshold < found[1].threshold < found[2].threshold
    assert found[0].false_reject > found[1].false_reject > found[2].false_reject


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"false_accept": 0}, "a rate above 0 and below 1, received 0"),
        ({"false_accept": 1}, "a rate above 0 and below 1, received 1"),
        ({"task": {"ways": 21}}, "expected 42 classes of at least 6 images, received 40 of 40"),
        ({"task": {"metres": 1}}, "received 'metres'"),
    ],
)
def test_thresholds_that_cannot_be_had_are_refused(options, message, held_out):
    with pytest.raises(DeployError, match=message):
        deploy.recognition_threshold(strokes.encoder(), *held_out, **options)


@pytest.mark.parametrize("target", strokes.TARGETS)
def test_an_encoder_keeps_its_accuracy_in_integers(target, recognisers):
    card = json.loads((recognisers[target] / "card.json").read_text("utf-8"))
    assert (card["task"], card["recognition"]["threshold"]) == ("recognition", 0.25)
    quality = card["quality"]
    assert (quality["metric"], quality["examples"]) == ("5-way 1-shot accuracy", 180)
    assert 0.9 < quality["keras"] < 0.97
    assert quality["deployed"] == pytest.approx(quality["keras"], abs=0.01)
    assert card["parity"]["sqnr_db"] > 28
    # No float operator, and nothing that divides.
    assert set(card["ops"]) <= {
        "CONV_2D", "AVERAGE_POOL_2D", "RESHAPE", "FULLY_CONNECTED",
    }  # fmt: skip
    assert all(result["passed"] for result in runtime.selftest(recognisers[target]))
    text = (recognisers[target] / "card.md").read_text("utf-8")
    assert "## Recognition" in text and "5-way 1-shot accuracy over 180 test examples" in text


def test_ethos_u_and_coral_take_all_of_it(recognisers):
    cards = {
        target: json.loads((path / "card.json").read_text()) for target, path in recognisers.items()
    }
    assert cards["ethos-u55-128"]["npu"]["cpu_ops"] == []
    assert cards["coral"]["coral"]["on_cpu"] == 0


def test_a_bundle_is_verified_on_episodes(recognisers, tmp_path, capsys):
    x, y = strokes.characters(20, 6, seed=6)
    np.savez(tmp_path / "test.npz", x=x, y=y)
    command = ["verify", str(recognisers["cpu"]), "--data", str(tmp_path / "test.npz")]
    assert main([*command, "--tolerance", "1"]) == 0
    assert "quality     5-way 1-shot accuracy 9" in capsys.readouterr().out
    report = deploy.verify(recognisers["cpu"], (x, y), tolerance=1)
    embeddings = strokes.encoder().predict(x, verbose=0)
    card = runtime.load(recognisers["cpu"]).card
    assert report["quality"]["keras"] == episode_accuracy(card, y, [embeddings])


def spread(ground_truth, predictions):
    return np.mean([np.std(each["embedding"]) for each in predictions])


def test_a_metric_of_ones_own_gets_embeddings(recognisers):
    x, y = strokes.characters(4, 2, seed=6)
    report = deploy.verify(recognisers["cpu"], deploy.TestData(x, y, spread), tolerance=1)
    assert report["quality"]["metric"] == "spread"
    assert report["quality"]["keras"] == pytest.approx(
        strokes.encoder().predict(x, verbose=0).std(axis=1).mean(), rel=1e-5
    )
    found = deploy.predict(strokes.encoder(), x[:2], task="recognition")
    assert [each["name"] for each in found] == [None, None]
    assert found[0]["embedding"].shape == (48,)
