"""Autoencoders of tiny normal examples: sensors, images, machine sound."""

import keras
import numpy as np

import deploy
from deploy.tasks.anomaly import windows_of

L = keras.layers
COLUMNS = ["speed", "current", "temperature", "vibration"]
STREAM = {"hop": 1, "needed": 2, "window": 3, "release": 0.5}
# Of a machine at a steady speed: two tones and a little noise.
RATE, FRAMES, BINS = 8000, 5, 16
FRONT_END = {"kind": "log_mel", "rate": RATE, "window": 256, "hop": 128, "bins": BINS}


def readings(count, seed=0):
    """Four channels that two causes move, (count, 4) float32."""
    generator = np.random.default_rng(seed)
    causes = generator.uniform(-1, 1, (count, 2))
    mixed = causes @ np.array([[2.0, 1.0, 0.5, 0.0], [0.0, 1.0, -0.5, 2.0]])
    return (mixed + generator.normal(0, 0.05, (count, 4))).astype("float32")


def broken(count, seed=1):
    """The same with a vibration that nothing has caused."""
    x = readings(count, seed)
    x[:, 3] += 3
    return x


def projection(x, rank):
    """The reconstruction of vectors by the first principal components: kernel and bias."""
    mean = x.mean(axis=0)
    basis = np.linalg.svd(x - mean, full_matrices=False)[2][:rank]
    kernel = basis.T @ basis
    return kernel, mean - mean @ kernel


def sensor():
    """An autoencoder of the readings."""
    x = vector = keras.Input((4,), name="readings")
    layer = L.Dense(4, name="reconstruction")
    model = keras.Model(vector, layer(x), name="sensor")
    layer.set_weights(projection(readings(500), 2))
    return model


def listener(recordings):
    """An autoencoder of windows of the sound."""
    x, _ = windows_of(recordings, FRONT_END, (FRAMES, BINS))
    flat = x.reshape(len(x), -1)
    sound = keras.Input((FRAMES, BINS), name="sound")
    layer = L.Dense(FRAMES * BINS, name="dense")
    output = L.Reshape((FRAMES, BINS), name="reconstruction")(layer(L.Flatten()(sound)))
    layer.set_weights(projection(flat, 3))
    return keras.Model(sound, output, name="listener")


def hum(seconds, seed, knock=False):
    """A recording (samples, rate) of the machine, with a knock at 3 kHz in it or none."""
    generator = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    level = generator.uniform(0.2, 0.4)
    samples = level * (np.sin(2 * np.pi * 200 * time) + 0.5 * np.sin(2 * np.pi * 800 * time))
    samples += generator.normal(0, 0.02, len(time))
    if knock:
        samples += 0.3 * np.sin(2 * np.pi * 3000 * time)
    return samples.astype("float32"), RATE


def export_sensor(path):
    """The int8 bundle of the sensor's autoencoder, with a threshold and a stream."""
    found = deploy.anomaly_threshold(sensor(), readings(400, 2), false_alarm=0.02)
    x = np.concatenate([readings(60, 3), broken(40, 4)])
    deploy.export(
        sensor(),
        "cpu",
        out=path,
        calibration=np.concatenate([readings(200), broken(20)]),
        front_end={"kind": "array", "columns": COLUMNS},
        task={"task": "anomaly", "stream": STREAM, **found.task},
        test=(x, np.arange(100) >= 60),
        verbose=0,
    )


def export_listener(path):
    """The bundle of the autoencoder of sounds."""
    normal = [hum(0.5, seed) for seed in range(12)]
    model = listener(normal)
    x, numbers = windows_of([hum(0.3, seed) for seed in range(50, 80)], FRONT_END, (FRAMES, BINS))
    found = deploy.anomaly_threshold(model, x, false_alarm=0.04, recordings=numbers)
    # Single windows spread more than their means.
    single = deploy.anomaly_threshold(model, x, false_alarm=0.005)
    recordings = [hum(0.3, seed, knock=seed % 2 == 1) for seed in range(100, 116)]
    x, numbers = windows_of(recordings, FRONT_END, (FRAMES, BINS))
    deploy.export(
        model,
        "cpu",
        out=path,
        calibration=normal + [hum(0.3, 99, knock=True)],
        front_end=FRONT_END,
        task={
            "task": "anomaly",
            "stream": STREAM | {"hop": 0.032, "threshold": single.threshold},
            **found.task,
        },
        test=(x, np.stack([numbers % 2, numbers], axis=1)),
        verbose=0,
    )
