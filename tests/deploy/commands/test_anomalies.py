"""Anomalies from end to end: sensors, sound and images; run, draw, stream, verify."""

import io
import json
import sys

import keras
import numpy as np
import pytest
from PIL import Image
from scipy.io import wavfile

import deploy
from deploy import runtime
from deploy.__main__ import main as deploy_main
from deploy.runtime.__main__ import main
from deploy.tasks.anomaly import windows_of
from tests.deploy import anomalies
from tests.deploy.anomalies import BINS, COLUMNS, FRAMES, FRONT_END, RATE

L = keras.layers


@pytest.fixture(scope="module")
def sensor(once):
    return once("anomalies/sensor", anomalies.export_sensor)


@pytest.fixture(scope="module")
def listener(once):
    return once("anomalies/listener", anomalies.export_listener)


@pytest.fixture
def table(tmp_path):
    """`table(x)`: a CSV file of the rows with a header and a column of times before them."""

    def write(x):
        lines = [",".join(["time", *COLUMNS])]
        lines += [f"{index}.5 s,{','.join(map(str, row))}" for index, row in enumerate(x)]
        (tmp_path / "readings.csv").write_text("\n".join(lines), "utf-8")
        return tmp_path / "readings.csv"

    return write


def test_the_card_tells_how_it_is_scored(sensor):
    card = json.loads((sensor / "card.json").read_text("utf-8"))
    assert card["task"] == "anomaly" and card["anomaly"]["score"] == "reconstruction"
    assert card["stream"] == anomalies.STREAM | {"threshold": card["anomaly"]["threshold"]}
    assert card["inputs"][0]["front_end"] == {"kind": "array", "columns": COLUMNS}
    quality = card["quality"]
    assert quality["metric"] == "AUC" and quality["keras"] == 1 and quality["deployed"] == 1
    assert quality["further"] == {
        "partial AUC (10 % false alarms)": {"keras": 1.0, "deployed": 1.0}
    }
    assert card["agreement"]["anomalous"]["agreement"] == 1
    text = (sensor / "card.md").read_text("utf-8")
    assert "against the input, in the input's units squared" in text
    assert "(which 2 % of 400 normal validation examples may exceed)." in text
    assert "- False alarms on those examples: 1.8 %." in text
    assert "- AUC over 100 test examples: Keras 100.00 %, deployed 100.00 %." in text
    assert "- Partial AUC (10 % false alarms): Keras 100.00 %, deployed 100.00 %." in text
    assert "say the same: normal" in text


def test_the_devices_scores_are_keras_scores(sensor):
    (file,) = sensor.glob("*.keras")
    x = np.concatenate([anomalies.readings(20, 8), anomalies.broken(20, 9)])
    model = keras.saving.load_model(file)
    expected = ((model.predict(x, verbose=0) - x) ** 2).mean(axis=1)
    found = runtime.load(sensor).predict(x)
    np.testing.assert_allclose([each["score"] for each in found], expected, rtol=0.1, atol=2e-3)
    assert [each["anomalous"] for each in found][20:] == [True] * 20
    assert {each["channels"][0][0] for each in found[20:]} <= {"vibration", "current"}
    keras_found = deploy.predict(model, x, task="anomaly")
    np.testing.assert_allclose([each["score"] for each in keras_found], expected, rtol=1e-4)


def test_run_says_normal_or_not_and_where(sensor, tmp_path, capsys):
    np.save(tmp_path / "x.npy", np.stack([anomalies.readings(1, 8)[0], anomalies.broken(1, 9)[0]]))
    assert main(["run", str(sensor), str(tmp_path / "x.npy")]) == 0
    normal, broken = capsys.readouterr().out.splitlines()
    assert "x.npy[0]: normal, score 0.00" in normal
    assert "x.npy[1]: anomalous, score " in broken and " times the threshold; most in " in broken
    np.savetxt(tmp_path / "x.csv", anomalies.broken(1, 9), delimiter=",", header="a,b,c,d")
    assert main(["run", str(sensor), str(tmp_path / "x.csv")]) == 0
    assert "x.csv[0]: anomalous" in capsys.readouterr().out
    assert main(["run", str(sensor), str(tmp_path / "x.npy"), "--threshold", "0.5"]) == 2
    assert "expected a detector for a score threshold" in capsys.readouterr().err
    assert main(["selftest", str(sensor)]) == 0


def course():
    """60 rows, broken from number 21 to 40."""
    x = anomalies.readings(60, 11)
    x[20:40] = anomalies.broken(20, 12)
    return x


def test_a_stream_of_rows_tells_alarms(sensor, table, capsys, monkeypatch):
    path = table(course())
    assert main(["run", str(sensor), str(path), "--stream"]) == 0
    begins, ends = capsys.readouterr().out.splitlines()
    assert begins.startswith("row 22: alarm begins, score ") and "most in " in begins
    assert ends.startswith("row 41: alarm ends, largest score ")
    # The same through a pipe, and from an array.
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdin", io.StringIO(path.read_text("utf-8")))
        assert main(["run", str(sensor), "--stream"]) == 0
    assert capsys.readouterr().out.splitlines() == [begins, ends]
    found = list(runtime.stream(runtime.load(sensor), [course()]))
    assert [event.time for event in found] == [22, 41]
    assert list(runtime.stream(runtime.load(sensor), [course()], threshold=1e4)) == []


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("t,1,2,3", "expected 5 values in row 3 of '"),
        ("t,1,2,3,nan", "expected finite numbers in row 3 of '"),
        ("t,1,2,3,loud", "received 'loud'"),
    ],
)
def test_bad_rows_are_named_in_one_line(line, message, sensor, table, capsys):
    path = table(anomalies.readings(2))
    path.write_text(path.read_text("utf-8") + f"\n{line}\n", "utf-8")
    assert main(["run", str(sensor), str(path), "--stream"]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_a_table_without_the_columns_is_refused(sensor, tmp_path, capsys):
    (tmp_path / "t.csv").write_text("speed,current\n1,2\n", "utf-8")
    assert main(["run", str(sensor), str(tmp_path / "t.csv"), "--stream"]) == 2
    assert "received a header without 'temperature'" in capsys.readouterr().err


def test_verify_measures_both_areas(sensor, tmp_path, capsys):
    x = np.concatenate([anomalies.readings(30, 21), anomalies.broken(30, 22)])
    np.savez(tmp_path / "test.npz", x=x, y=np.arange(60) >= 30)
    assert deploy_main(["verify", str(sensor), "--data", str(tmp_path / "test.npz")]) == 0
    said = capsys.readouterr().out
    assert "quality     AUC 100.00 % in Keras, 100.00 % deployed" in said
    assert "quality     partial AUC (10 % false alarms) 100.00 % in Keras" in said
    report = deploy.verify(sensor)
    assert report["passed"] and set(report["agreement"]) <= {"normal", "anomalous"}


def test_a_recordings_score_is_the_mean_over_its_windows(listener, tmp_path, capsys):
    card = json.loads((listener / "card.json").read_text("utf-8"))
    assert card["windows"] == 1 and card["quality"]["deployed"] > 0.95
    assert "mean over its windows, 1 frame apart" in (listener / "card.md").read_text("utf-8")
    device = runtime.load(listener)
    for knock in (False, True):
        sound = anomalies.hum(1.0, 31, knock)
        windows, _ = windows_of([sound], FRONT_END, (FRAMES, BINS))
        each = [found["score"] for found in device.predict(windows)]
        found = device.predict(sound)
        assert len(each) == 1 + (RATE - 256) // 128 - FRAMES + 1
        assert found["score"] == pytest.approx(np.mean(each), rel=1e-4)
        assert found["anomalous"] == knock and found["errors"].shape == (FRAMES, BINS)
        wavfile.write(tmp_path / "hum.wav", RATE, sound[0])
        assert main(["run", str(listener), str(tmp_path / "hum.wav")]) == 0
        said = capsys.readouterr().out
        assert ("hum.wav: anomalous, score " if knock else "hum.wav: normal, score ") in said


def test_a_stream_of_sound_tells_when(listener, tmp_path, capsys):
    parts = [anomalies.hum(1.0, 41), anomalies.hum(0.5, 41, True), anomalies.hum(1.0, 41)]
    wavfile.write(tmp_path / "long.wav", RATE, np.concatenate([part[0] for part in parts]))
    assert main(["run", str(listener), str(tmp_path / "long.wav"), "--stream"]) == 0
    lines = capsys.readouterr().out.splitlines()
    times = [float(line.split(" s: ")[0]) for line in lines[:2]]
    assert "alarm begins" in lines[0] and 1.0 < times[0] < 1.2
    assert "alarm ends" in lines[1] and 1.5 < times[1] < 1.7


def test_an_image_is_drawn_with_its_heat(tmp_path, capsys):
    """The autoencoder gives back the mean of each image."""
    image = keras.Input((16, 16, 1), name="image")
    x = L.GlobalAveragePooling2D(keepdims=True)(image)
    model = keras.Model(image, L.UpSampling2D(16, name="mean")(x), name="plain")
    generator = np.random.default_rng(0)
    x = generator.uniform(0, 255, (40, 1, 1, 1)) + generator.normal(0, 4, (40, 16, 16, 1))
    x = x.clip(0, 255).astype("float32")
    found = deploy.anomaly_threshold(model, x, false_alarm=0.05)
    deploy.export(
        model, "cpu", out=tmp_path / "b", calibration=x, verbose=0,
        task={"task": "anomaly", **found.task},
        front_end={"kind": "image", "black": 0, "white": 255},
    )  # fmt: skip
    photo = np.full((64, 64), 100, np.uint8)
    photo[8:24, 40:56] = 250
    Image.fromarray(photo).save(tmp_path / "photo.png")
    command = ["run", str(tmp_path / "b"), str(tmp_path / "photo.png")]
    assert main([*command, "--draw", str(tmp_path / "heat.png")]) == 0
    said = capsys.readouterr().out
    assert "photo.png: anomalous, score " in said and "most in" not in said
    with Image.open(tmp_path / "heat.png") as sheet:
        pixels = np.asarray(sheet.convert("RGB")).astype(int)
    spot, far = pixels[12 + 64, 12 + 192], pixels[12 + 200, 12 + 60]
    assert spot[0] - spot[2] > 150 and np.ptp(far) < 60
