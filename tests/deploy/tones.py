"""A classifier of sounds: a low tone, a high one, or nothing but noise."""

import keras
import numpy as np
from scipy.io import wavfile

import deploy
from deploy.runtime.inputs import prepare

RATE, SECONDS = 8000, 0.3
CLASSES = ["high", "low", "noise"]
PITCHES = {"high": (1500, 2500), "low": (300, 600)}
FRONT_END = {
    "kind": "log_mel",
    "rate": RATE,
    "window": 256,
    "hop": 128,
    "bins": 20,
    "floor": 1e-3,
}
SHAPE = (24, 20, 1)
STREAM = {"hop": 0.05, "smoothing": 2, "threshold": 0.7, "refractory": 0.2, "background": ["noise"]}


def tone(name, generator, rate=RATE, seconds=SECONDS):
    """A recording of the class, float32 (samples,)."""
    count = round(seconds * rate)
    samples = generator.normal(0, 0.01, count)
    if name in PITCHES:
        phase = 2 * np.pi * generator.uniform(*PITCHES[name]) * np.arange(count) / rate
        samples += np.hanning(count) * generator.uniform(0.2, 0.8) * np.sin(phase)
    return samples.astype(np.float32)


def recordings(count, seed):
    """Recordings (samples, rate), and the numbers of their classes."""
    generator = np.random.default_rng(seed)
    numbers = np.arange(count) % len(CLASSES)
    return [(tone(CLASSES[number], generator), RATE) for number in numbers], numbers


def arrays(examples):
    return np.stack([prepare(example, FRONT_END, SHAPE) for example in examples])


def network():
    """The classifier, trained."""
    examples, y = recordings(300, seed=0)
    keras.utils.set_random_seed(0)
    layers = [keras.Input(SHAPE, name="sound"), keras.layers.AveragePooling2D((6, 1))]
    layers += [keras.layers.Rescaling(0.2), keras.layers.Flatten()]
    layers += [keras.layers.Dense(3, activation="softmax", name="class")]
    model = keras.Sequential(layers, name="tones")
    model.compile(keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy")
    model.fit(arrays(examples), y, epochs=10, batch_size=30, verbose=0)
    return model


def export_tones(path):
    """Its int8 bundle."""
    deploy.export(
        network(),
        "cpu",
        out=path,
        calibration=recordings(100, seed=1)[0],
        class_names=CLASSES,
        front_end=FRONT_END,
        task={"task": "classification", "stream": STREAM},
        test=recordings(60, seed=2),
        verbose=0,
    )


def write_folder(path, count, seed):
    """A sub-folder a class with `count` WAV files each, of several rates."""
    generator = np.random.default_rng(seed)
    for name in CLASSES:
        (path / name).mkdir(parents=True)
        for number in range(count):
            rate = (8000, 16_000, 22_050)[number % 3]
            wavfile.write(path / name / f"{number}.wav", rate, tone(name, generator, rate))


def long_recording(names, seed=5, rate=RATE):
    """The tones one after the other, each after 0.5 s of noise, and the second each ends at."""
    generator, parts, ends = np.random.default_rng(seed), [], []
    for name in names:
        parts += [tone("noise", generator, rate, 0.5), tone(name, generator, rate)]
        ends.append(sum(map(len, parts)) / rate)
    return np.concatenate(parts), ends
