"""Sounds from end to end: export, predict, run, stream, folders, and what is refused."""

import json
import sys
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from scipy.io import wavfile

import deploy
from deploy import DeployError, runtime
from deploy.__main__ import main as deploy_main
from deploy.runtime.__main__ import main
from deploy.runtime.streaming import check_stream
from tests.deploy import tones as sounds
from tests.deploy.tones import CLASSES, FRONT_END, RATE, SHAPE, STREAM


@pytest.fixture
def wav(tmp_path):
    """`wav(name)`: a recording of the class at 16 kHz as a file."""

    def write(name):
        samples = sounds.tone(name, np.random.default_rng(7), 16_000)
        wavfile.write(tmp_path / f"{name}.wav", 16_000, samples)
        return tmp_path / f"{name}.wav"

    return write


def test_the_card_tells_how_sounds_are_heard(tones):
    card = json.loads((tones / "card.json").read_text("utf-8"))
    assert card["inputs"][0]["front_end"] == FRONT_END
    assert card["stream"] == STREAM
    assert card["quality"]["examples"] == 60 and card["quality"]["deployed"] > 0.95
    assert "a window every 0.05 s" in (tones / "card.md").read_text("utf-8")


def test_the_device_says_what_keras_says(tones):
    (model,) = tones.glob("*.keras")
    examples = sounds.recordings(30, seed=3)[0]
    expected = keras.saving.load_model(model).predict(sounds.arrays(examples), verbose=0)
    device = runtime.load(tones)
    received = [device.predict(example)["probabilities"] for example in examples]
    np.testing.assert_allclose(received, expected, atol=0.05)
    assert (np.argmax(received, 1) == np.argmax(expected, 1)).all()


def test_run_says_the_class(tones, wav, tmp_path, capsys):
    for name in CLASSES:
        assert main(["run", str(tones), str(wav(name))]) == 0
        assert capsys.readouterr().out.startswith(f"{tmp_path / name}.wav: {name} (")
    assert main(["run", str(tones), str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4 and lines[3].startswith(f"{tmp_path}: 3 recordings, ")
    assert main(["selftest", str(tones)]) == 0


def heard(capsys):
    lines = [line.split(": ") for line in capsys.readouterr().out.splitlines()]
    times = [float(time.removesuffix(" s")) for time, _ in lines]
    assert all(text.endswith(" %)") for _, text in lines)
    return times, [text.split(" (")[0] for _, text in lines]


NAMES = ["low", "high", "high", "low", "high"]


@pytest.mark.parametrize("rate", [RATE, 44_100])
def test_a_stream_tells_each_tone_as_it_is_heard(rate, tones, tmp_path, capsys):
    samples, ends = sounds.long_recording(NAMES, rate=rate)
    wavfile.write(tmp_path / "long.wav", rate, samples)
    assert main(["run", str(tones), str(tmp_path / "long.wav"), "--stream"]) == 0
    times, names = heard(capsys)
    assert names == NAMES
    for time, end in zip(times, ends, strict=True):
        assert end - sounds.SECONDS < time < end + sounds.SECONDS


def test_the_same_from_chunks(tones):
    samples, _ = sounds.long_recording(NAMES)
    chunks = np.array_split(np.pad(samples, (0, 2400)), 77)
    events = list(runtime.stream(runtime.load(tones), iter(chunks)))
    assert [event.prediction["label"] for event in events] == NAMES
    assert all(event.prediction["probabilities"].shape == (3,) for event in events)
    device = runtime.load(tones)
    assert list(runtime.stream(device, [samples], threshold=1.0)) == []
    with pytest.raises(DeployError, match="threshold from 0 to 1, received 1.5"):
        runtime.stream(device, [samples], threshold=1.5)
    for chunks in (samples, [samples[:, None]]):
        with pytest.raises(DeployError, match=r"chunks of samples \(n,\) to stream, received one"):
            list(runtime.stream(device, chunks))
    with pytest.raises(DeployError, match="finite"):
        list(runtime.stream(device, [samples * np.nan]))


def test_a_recording_of_several_sounds_is_answered_with_a_warning(tones, tmp_path, capsys):
    samples, _ = sounds.long_recording(["low", "high"])
    for name, heard in (("long", samples), ("short", samples[: RATE // 2])):
        wavfile.write(tmp_path / f"{name}.wav", RATE, heard)
    assert main(["run", str(tones), str(tmp_path / "long.wav"), str(tmp_path / "short.wav")]) == 0
    told = capsys.readouterr()
    assert told.out.count("\n") == 2
    assert told.err == (
        f"deploy.runtime: warning: {tmp_path / 'long.wav'}: the model hears the loudest 0.4 of its "
        "1.6 s; hear all with run --stream, or cut it\n"
    )


def test_a_long_recording_is_heard_by_stream_alone(tones, tmp_path, capsys):
    samples = np.tile(sounds.long_recording(["low", "noise", "noise"])[0], 60)
    wavfile.write(tmp_path / "long.wav", RATE, samples)
    assert main(["run", str(tones), str(tmp_path / "long.wav")]) == 2
    error = capsys.readouterr().err
    assert "at most 120 s, received" in error and error.count("\n") == 1
    assert main(["run", str(tones), str(tmp_path / "long.wav"), "--stream"]) == 0
    assert heard(capsys)[1] == ["low"] * 60


def test_without_an_input_a_stream_is_the_microphones(tones, capsys, monkeypatch):
    samples, _ = sounds.long_recording(["high", "low", "noise"], rate=16_000)

    class Microphone:
        def __init__(self, samplerate, channels, dtype):
            assert (samplerate, channels, dtype) == (16_000, 1, "float32")
            self.left = samples

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def read(self, size):
            if not len(self.left):
                raise KeyboardInterrupt
            block, self.left = self.left[:size], self.left[size:]
            return block[:, None], False

    device = {"default_samplerate": 16_000.0}
    fake = SimpleNamespace(query_devices=lambda kind: device, InputStream=Microphone)
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    assert main(["run", str(tones), "--stream"]) == 0
    assert heard(capsys)[1] == ["high", "low"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["text.wav"], "expected a WAV file of 8, 16"),
        (["text.wav", "--stream"], "expected a WAV file of 8, 16"),
        (["nothing.wav"], "an empty file"),
        (["nothing.wav", "--stream"], "an empty file"),
        (["sounds"], "a folder with files of the kinds"),
        (["empty.wav"], "without a sample"),
        (["empty.wav", "--stream"], "without a sample"),
        (["cut.wav", "--stream"], "truncated"),
        (["nan.wav"], "finite samples"),
        (["nan.wav", "--stream"], "finite samples"),
        (["none.wav"], "which does not exist"),
        (["nan.wav", "cut.wav", "--stream"], "one input to stream or none"),
        (["--stream"], "pip install '.[sound]'"),
        ([], "expected an input to run, received none"),
        (["nan.wav", "--draw", "out.png"], "expected images and a task that is drawn"),
        (["nan.wav", "--threshold", "0.5"], "leave the threshold out"),
    ],
)
def test_bad_input_is_told_in_one_line(arguments, message, tones, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for module in ("soundfile", "sounddevice"):
        monkeypatch.setitem(sys.modules, module, None)
    (tmp_path / "sounds").mkdir()
    (tmp_path / "text.wav").write_text("hello")
    (tmp_path / "nothing.wav").write_bytes(b"")
    wavfile.write("empty.wav", RATE, np.zeros(0, np.int16))
    wavfile.write("nan.wav", RATE, np.full(3000, np.nan, np.float32))
    wavfile.write("whole.wav", RATE, np.zeros(3000, np.int16))
    (tmp_path / "cut.wav").write_bytes((tmp_path / "whole.wav").read_bytes()[:-100])
    if arguments == ["nan.wav", "--threshold", "0.5"]:
        wavfile.write("nan.wav", RATE, np.zeros(3000, np.int16))
    assert main(["run", str(tones), *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_what_cannot_be_streamed_is_told(dense, capsys):
    assert main(["run", str(dense), "x.wav", "--stream"]) == 2
    assert "expected a bundle with a section stream" in capsys.readouterr().err
    for task, kind in (("regression", "array"), ("classification", "image")):
        entry = {"name": "x", "front_end": {"kind": kind}}
        with pytest.raises(DeployError, match=f"one for {task} .* of the front end {kind}"):
            check_stream({"task": task, "inputs": [entry]})


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        ({"hop": 0}, "a hop above 0 .* received 0"),
        ({"hop": 1.0}, r"at most the 0.4 s that the model hears at once, received 1 s"),
        ({"smoothing": 0}, "over 1 window or more, received 0"),
        ({"threshold": 2}, "threshold from 0 to 1, received 2"),
        ({"refractory": -1}, "refractory time of 0 or more"),
        ({"background": "noise"}, "a list of class names .* received 'noise'"),
        ({"background": ["silence"]}, "of the classes high, low, noise, received 'silence'"),
        ({"step": 1}, "a stream with hop, .*, received"),
        (3, "a stream with hop, .* received 3"),
    ],
)
def test_a_stream_that_cannot_be_is_refused_at_export_and_on_the_device(
    stream, message, tones, tmp_path
):
    (model,) = tones.glob("*.keras")
    with pytest.raises(DeployError, match=message):
        deploy.export(
            model,
            "cpu-float",
            out=tmp_path / "b",
            class_names=CLASSES,
            front_end=FRONT_END,
            task={"task": "classification", "stream": stream},
            verbose=0,
        )
    assert list(tmp_path.iterdir()) == []
    card = json.loads((tones / "card.json").read_text("utf-8"))
    card["stream"] = STREAM | stream if isinstance(stream, dict) else stream
    with pytest.raises(DeployError, match=message):
        spoiled = runtime.Model((tones / "model.tflite").read_bytes(), card, CLASSES)
        list(runtime.stream(spoiled, [np.zeros(9000)]))


def test_folders_of_sounds_calibrate_and_test(tones, tmp_path, capsys):
    (model,) = tones.glob("*.keras")
    sounds.write_folder(tmp_path / "sounds" / "train", 6, seed=4)
    sounds.write_folder(tmp_path / "sounds" / "test", 5, seed=5)
    (tmp_path / "sounds" / "test" / "low" / "broken.wav").write_text("hello")
    (tmp_path / "front_end.json").write_text(json.dumps(FRONT_END))
    (tmp_path / "task.json").write_text(json.dumps({"task": "classification", "stream": {}}))
    folder, out = str(tmp_path / "sounds"), tmp_path / "out"
    command = ["export", str(model), "--target", "cpu", "--out", str(out), "--test", folder]
    command += ["--calibration", folder, "--front-end", str(tmp_path / "front_end.json")]
    assert deploy_main([*command, "--task", str(tmp_path / "task.json")]) == 0
    assert "skipped '" in capsys.readouterr().out
    card = json.loads((out / "card.json").read_text("utf-8"))
    assert card["quality"]["examples"] == 15 and card["quality"]["deployed"] == 1
    assert card["calibration"]["examples"] == 18
    assert card["stream"]["threshold"] == 0.8 and card["stream"]["hop"] == 0.1
    assert (out / "labels.txt").read_text().split() == CLASSES
    assert deploy_main(["verify", str(out), "--data", folder]) == 0
    assert "accuracy 100.00 % in Keras, 100.00 % deployed" in capsys.readouterr().out
    (tmp_path / "front_end.json").write_text('"log_mel"')
    assert deploy_main(command) == 2
    assert "a front end with kind and parameters" in capsys.readouterr().err


def test_sounds_are_enrolled_and_recognised(tmp_path, capsys, wav):
    keras.utils.set_random_seed(0)
    layers = [keras.Input(SHAPE), keras.layers.AveragePooling2D((24, 1)), keras.layers.Flatten()]
    encoder = keras.Sequential([*layers, keras.layers.Dense(16)], name="encoder")
    out = str(tmp_path / "bundle")
    deploy.export(
        encoder,
        "cpu-float",
        out=out,
        front_end=FRONT_END,
        task={"task": "recognition", "distance": "euclidean"},
        verbose=0,
    )
    sounds.write_folder(tmp_path / "sounds", 2, seed=6)
    for name in ("high", "low"):
        assert main(["enrol", out, name, str(tmp_path / "sounds" / name)]) == 0
        assert capsys.readouterr().out == f"{name}: 2 recordings\n"
        assert main(["enrol", out, name, str(wav(name))]) == 0
        assert capsys.readouterr().out == f"{name}: 3 recordings\n"
    for name in ("high", "low"):
        assert main(["recognise", out, str(wav(name))]) == 0
        assert f"{name}.wav: {name} (distance " in capsys.readouterr().out
