"""Anomaly detection: AUC against scikit-learn, thresholds, and what is inferred and refused."""

import keras
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

import deploy
from deploy import DeployError
from deploy.load.readers import load
from deploy.runtime.inputs import prepare
from deploy.tasks import infer_task, read_task
from deploy.tasks.anomaly import agreement, auc, card_lines, partial_auc, windows_of
from tests.deploy import anomalies
from tests.deploy.anomalies import BINS, FRAMES, FRONT_END

L = keras.layers
PLAIN = {"anomaly": {"score": "output", "threshold": None}}


def score_model(units=1):
    return keras.Sequential([keras.Input((4,)), L.Dense(units)])


def inferred(model, settings, class_names=()):
    source = load(model)
    x = anomalies.readings(8)
    return infer_task(source, source.predict([x]), class_names, settings)


@pytest.mark.parametrize("ties", [False, True])
def test_areas_are_those_of_scikit_learn(ties):
    generator = np.random.default_rng(0)
    y = np.arange(300) % 3 == 0
    measured = (generator.normal(size=300) + 0.7 * y)[:, None]
    measured = np.round(measured, 1) if ties else measured
    assert 0.5 < auc(PLAIN, y, [measured]) < 0.9
    assert auc(PLAIN, y, [measured]) == pytest.approx(roc_auc_score(y, measured[:, 0]))
    expected = roc_auc_score(y, measured[:, 0], max_fpr=0.1)
    assert partial_auc(PLAIN, y.astype(int)[:, None], [measured]) == pytest.approx(expected)


def test_the_best_the_worst_and_chance():
    y = np.array([0, 0, 1, 1])
    for metric in (auc, partial_auc):
        assert metric(PLAIN, y, [np.array([[1.0], [2.0], [3.0], [4.0]])]) == 1
        assert metric(PLAIN, y, [np.ones((4, 1))]) == pytest.approx(0.5)
    assert auc(PLAIN, y, [np.array([[4.0], [3.0], [2.0], [1.0]])]) == 0


def test_a_recordings_score_is_the_mean_of_its_windows():
    generator = np.random.default_rng(1)
    recordings = np.repeat(np.arange(40), 5)
    labels = recordings % 2
    errors = generator.uniform(size=(200, 3, 4)) + 0.1 * labels[:, None, None]
    means = [errors[recordings == number].mean() for number in range(40)]
    expected = roc_auc_score(np.arange(40) % 2, means)
    assert auc(PLAIN, np.stack([labels, 7 - recordings], 1), [errors]) == pytest.approx(expected)
    assert auc(PLAIN, labels, [errors]) != pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([0, 1, 1], "a target y for each of the 4 examples"),
        ([0, 1, 2, 1], r"y of 0 \(normal\) and 1 \(anomalous\)"),
        (["ok", "ok", "bad", "bad"], "received <U3"),
        (np.zeros((4, 3)), "y of 0"),
        ([1, 1, 1, 1], "normal and anomalous test examples, received 4 of one kind"),
        ([[0, 5], [1, 5], [1, 6], [1, 6]], "one label for all windows of a recording"),
    ],
)
def test_labels_that_cannot_be_are_refused(y, message):
    with pytest.raises(DeployError, match=message):
        auc(PLAIN, y, [np.arange(4.0)[:, None]])


def test_what_is_said_and_what_holds_otherwise():
    found = inferred(anomalies.sensor(), read_task("anomaly"))
    assert found == {
        "task": "anomaly",
        "activation": None,
        "anomaly": {
            "score": "reconstruction",
            "threshold": None,
            "threshold_from": None,
            "false_alarm": None,
        },
        "windows": 1,
        "metric": "AUC",
    }
    assert inferred(score_model(), read_task("anomaly"))["anomaly"]["score"] == "output"
    # Nobody takes an autoencoder for a detector unasked.
    assert inferred(anomalies.sensor(), None)["task"] == "regression"
    told = {"task": "anomaly", "threshold": 2, "stream": {"hop": 5}}
    found = inferred(anomalies.sensor(), read_task(told))
    assert found["stream"] == {
        "hop": 5, "threshold": 2, "needed": 3, "window": 5, "release": 0.8,
    }  # fmt: skip
    card = found | {"outputs": [{"name": "y"}], "inputs": [{}], "agreement": None}
    text = "\n".join(card_lines(card))
    assert "the mean squared error of `y` against the input" in text
    assert "on: 2 (as the user gave it)." in text
    assert "every 5 (rows), alarm where 3 of 5 score more than 2, until" in text


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"limit": 1}, "expected of the task anomaly threshold, .* received 'limit'"),
        ({"threshold": 0}, "a number above 0 for the threshold, received 0"),
        ({"threshold": "high"}, "a number above 0 for the threshold, received 'high'"),
        ({"threshold_from": 1}, "where the threshold comes from, received 1"),
        ({"false_alarm": 2}, "a false-alarm rate from 0 to 1, received 2"),
        ({"hop": 0}, "a hop of 1 row or more, a whole number, .* received 0"),
        ({"stream": {}}, "a stream's threshold above 0, received None; deploy.anomaly_threshold"),
        ({"stream": {"pause": 1}}, "a stream with hop, threshold, needed, window, release"),
        ({"stream": True}, "a stream with hop, .* received True"),
        ({"threshold": 1, "stream": {"hop": 0}}, "a stream with a hop above 0, received 0"),
        ({"threshold": 1, "stream": {"needed": 6}}, "needed of window .* received 6 of 5"),
        ({"threshold": 1, "stream": {"needed": 0}}, "needed of window .* received 0 of 5"),
        ({"threshold": 1, "stream": {"release": 1.2}}, "release above 0 and up to 1, .* 1.2"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, message):
    with pytest.raises(DeployError, match=message):
        inferred(anomalies.sensor(), read_task({"task": "anomaly"} | settings))


def test_other_models_and_class_names_are_refused():
    with pytest.raises(DeployError, match=r"inputs \[\(4,\)\] and outputs \[\(3,\)\]; cut"):
        inferred(score_model(3), read_task("anomaly"))
    with pytest.raises(DeployError, match="no class names for the task anomaly, received 2"):
        inferred(anomalies.sensor(), read_task("anomaly"), ["a", "b"])


def test_a_threshold_has_the_rate_that_is_aimed_at():
    model, x = anomalies.sensor(), anomalies.readings(1000, 5)
    found = deploy.anomaly_threshold(model, x, false_alarm=0.05)
    measured = ((model.predict(x, verbose=0) - x) ** 2).mean(axis=1)
    assert found.examples == 1000 and 0.04 < found.false_alarm <= 0.05
    assert (measured > found.threshold).mean() == pytest.approx(found.false_alarm, abs=0.002)
    assert found.task == {
        "threshold": found.threshold,
        "threshold_from": "which 5 % of 1,000 normal validation examples may exceed",
        "false_alarm": found.false_alarm,
    }
    # Four windows each: means spread less.
    mean = deploy.anomaly_threshold(model, x, false_alarm=0.05, recordings=np.arange(1000) // 4)
    assert mean.examples == 250 and mean.threshold < found.threshold
    with pytest.raises(DeployError, match="at least 100 normal examples for a rate of 1 %, .* 99"):
        deploy.anomaly_threshold(model, x[:99])
    for rate in (0, 1, 1.5):
        with pytest.raises(DeployError, match="a rate above 0 and below 1"):
            deploy.anomaly_threshold(model, x, false_alarm=rate)


def test_agreement_is_that_of_the_verdicts():
    card = {"anomaly": {"score": "output", "threshold": 1.0}}
    keras_scores = np.array([[0.5], [0.9], [1.5], [2.0], [3.0]])
    deployed = np.array([[0.4], [1.1], [1.4], [0.9], [3.0]])
    found = agreement(card, [], [keras_scores], [deployed])
    assert found["normal"] == {"examples": 2, "agreement": 0.5}
    assert found["anomalous"] == {"examples": 3, "agreement": pytest.approx(2 / 3)}
    assert agreement(PLAIN, [], [keras_scores], [deployed]) is None


def test_windows_are_those_of_the_front_end():
    sounds = [anomalies.hum(0.2, 0), anomalies.hum(0.35, 1)]
    x, numbers = windows_of(sounds, FRONT_END, (FRAMES, BINS), hop=2)
    # 0.2 s are 1 + (1600 − 256) // 128 = 11 frames, 0.35 s are 20: 7 and 16 places, every other.
    assert x.shape == (12, FRAMES, BINS) and np.bincount(numbers).tolist() == [4, 8]
    samples, rate = sounds[1]
    start, length = 3 * 2 * 128, 4 * 128 + 256
    expected = prepare((samples[start : start + length], rate), FRONT_END, (FRAMES, BINS))
    np.testing.assert_allclose(x[4 + 3], expected, atol=1e-5)
    # A short one stands in silence, in one window.
    x, _ = windows_of([anomalies.hum(0.02, 0)], FRONT_END, (FRAMES, BINS))
    np.testing.assert_array_equal(x[0], prepare(anomalies.hum(0.02, 0), FRONT_END, (FRAMES, BINS)))
    with pytest.raises(DeployError, match="a front end with windows, log_mel, received array"):
        windows_of([], {"kind": "array"}, (4,))
