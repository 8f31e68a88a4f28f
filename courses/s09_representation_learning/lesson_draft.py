# %% [markdown]
# # Session 9: representation learning
#
# What: networks that learn from examples without labels: autoencoders of all kinds, and one that
# compares; what their codes are worth; and devices that know what is normal, remove noise, and
# compress.
#
# Why: labels are dear, examples are not. A device often can't be told what will break; it can learn
# what is normal.
#
# From a terminal:
#
#     python -m courses run s09                            # digits, no download
#     python -m courses run s09 --dataset fashion_mnist
#     python -m courses check s09                          # grades exercises.py
#
# The theory behind each step is in README.md, under the same headings.

# %%
import keras
import numpy as np
from sklearn.manifold import TSNE

import courses
import deploy
from courses.s09_representation_learning.experiments import anomaly, compression, representations
from courses.s09_representation_learning.plots import anomaly as anomaly_plots
from courses.s09_representation_learning.plots import representations as pictures
from deploy.bundle.card_text import figures as figures_of
from thinkkeras import datasets
from thinkkeras.models import autoencoder, conv_autoencoder
from thinkkeras.optimizers import adamw
from thinkkeras.plots import learning_curves

settings = courses.settings("s09", dataset="digits", targets=("cpu", "cortex-m"))
keras.utils.set_random_seed(settings.seed)
figures = settings.figures
seconds: dict[str, float] = {}
tables: dict[str, list[list[str]]] = {}
trial = settings.epochs is not None
recipe = representations.RECIPES.get(settings.dataset, representations.RECIPES["cifar10"])
if trial:
    recipe = recipe._replace(epochs=1, counts=recipe.counts[:2], codes=recipe.codes[:2], seeds=1)

# %% [markdown]
# ## The data
#
# Images without their labels; a few labels, later, to ask what was learned.

# %%
(train, validation, test), info = datasets.load(settings.dataset, augment=False, seed=settings.seed)
(x, y), (x_validation, y_validation), (x_test, y_test) = map(
    datasets.as_arrays, (train, validation, test)
)
if trial:
    x, y, x_test, y_test = x[:600], y[:600], x_test[:200], y_test[:200]
print(f"{info.name}: {len(x):,} images of {info.input_shape}")

# %% [markdown]
# ## A linear autoencoder is a principal component analysis
#
# No activation, one layer each way, the mean squared error. Which subspace does it find?

# %%
linear = autoencoder(info.input_shape, recipe.code, units=())
linear_epochs = 2 if trial else max(recipe.epochs, 100_000 // len(x))
linear.compile(
    adamw(linear_epochs * -(-len(x) // 128), 1e-2, weight_decay=0.0), "mse", jit_compile=False
)
with courses.timed(seconds, "linear autoencoder"):
    linear.fit(x, x, batch_size=128, epochs=linear_epochs, verbose=0)
flat = x.reshape(len(x), -1)
_, _, components = np.linalg.svd(flat - flat.mean(axis=0), full_matrices=False)
angles = representations.principal_angles(
    components[: recipe.code], linear.get_layer("decoder").get_layer("outputs").kernel.numpy()
)
tables["angles"] = [
    ["principal angle", "smallest", "median", "largest"],
    ["degrees", *(f"{each:.1f}" for each in (angles.min(), np.median(angles), angles.max()))],
]
print(" | ".join(tables["angles"][1]))

# %% [markdown]
# ## Ten ways to learn without labels, and one with
#
# Each learns from the same images. What its code is worth is asked by a linear classifier and by
# nearest neighbours, of few labels and of all.

# %%
counts = [*(count for count in recipe.counts if count < len(x)), len(x)]
found: dict[str, list[representations.Worth]] = {}
learned: dict[str, representations.Learned] = {}
for name in representations.METHODS:
    for seed in range(settings.seed, settings.seed + recipe.seeds):
        one = representations.learn(name, x, y, recipe, seed)
        worth = representations.worth(one, (x, y), (x_test, y_test), counts, seed)
        found.setdefault(name, []).append(worth)
        learned.setdefault(name, one)
        print(f"{name}: {worth}", flush=True)
tables["worth"] = representations.worth_table(found)
pictures.accuracy_by_labels(found, figures / "accuracy_by_labels.png")

# %%
sizes = representations.errors_by_code(
    ["PCA", "deep", "convolutional"], x, x_test, recipe, settings.seed
)
pictures.error_by_code(sizes, figures / "error_by_code.png")
shown = x_test[:10]
pictures.reconstructions(
    {"image": shown}
    | {name: each.reconstruct(shown) for name, each in learned.items() if each.reconstruct},
    path=figures / "reconstructions.png",
)

# %% [markdown]
# ## What the space looks like

# %%
few = slice(0, 200 if trial else 1500)
pictures.latent_maps(
    {
        name: TSNE(init="pca", random_state=settings.seed).fit_transform(
            learned[name].encode(x_test[few])
        )
        for name in ("pixels", "convolutional", "SimCLR")
    },
    y_test[few],
    info.class_names,
    figures / "latent_maps.png",
)

# %% [markdown]
# ## Few labels
#
# A hundred labels, and all the images: against a network that sees the hundred alone.

# %%
rows = [["labels", "from scratch", *(name for name in ("convolutional", "masked", "SimCLR"))]]
for number, count in enumerate(counts[:-1]):
    scratch = representations.from_scratch((x, y), (x_test, y_test), count, recipe, settings.seed)
    rows.append(
        [f"{count:,}", f"{100 * scratch:.1f} %"]
        + [
            representations.over_seeds([each.probe[number] for each in found[name]])
            for name in rows[0][2:]
        ]
    )
    print(" | ".join(rows[-1]), flush=True)
tables["few_labels"] = rows

# %% [markdown]
# Then everything learns, at a lower rate, on the labels that there are: the network for the device.

# %%
count = counts[min(1, len(counts) - 2)]
chosen = representations.labelled(y, count, settings.seed)
model = representations.pretrained_classifier(x, recipe, info.classes, seed=settings.seed)
epochs = settings.epochs or 30
model.compile(
    adamw(epochs * -(-count // 32), 1e-3, weight_decay=0.01),
    "sparse_categorical_crossentropy",
    metrics=["accuracy"],
    jit_compile=False,
)
with courses.timed(seconds, "fine-tuning"):
    history = model.fit(
        x[chosen],
        y[chosen],
        batch_size=32,
        epochs=epochs,
        validation_data=(x_validation, y_validation),
        verbose=2,
    )
model.save(settings.out / "model.keras")
learning_curves(history, figures / "learning_curves.png")

# %% [markdown]
# ## What is not normal
#
# Each class in turn is left out of the training, and looked for among all test images.

# %%
kinds = range(info.classes)[: 1 if trial else 3 if settings.dataset == "digits" else None]
left_out = anomaly.leave_one_class_out(
    (x, y),
    (x_test, y_test),
    code=recipe.code,
    filters=recipe.filters,
    epochs=recipe.epochs,
    kinds=kinds,
    seed=settings.seed,
)
tables["classes"] = anomaly.class_table(left_out, y_test, info.class_names)
for row in tables["classes"]:
    print(" | ".join(row))

# %% [markdown]
# ## A machine that is heard
#
# Five frames of a log-mel spectrogram, 640 numbers, and MLPerf Tiny's network. The machine and its
# faults are made up: a toy with the shape of the real task.

# %%
machine_train, machine_validation, machine_test = datasets.load_machine_sounds(
    2 if trial else 12, seed=settings.seed
)
heard = [anomaly.windows(part) for part in (machine_train, machine_validation, machine_test)]
frames = heard[0].reshape(-1, anomaly.FRAMES * anomaly.BINS)
machine = anomaly.machine_net()
with courses.timed(seconds, "machine_net"):
    anomaly.trained(machine, frames, epochs=1 if trial else 10)
machine.save(settings.out / "machine.keras")
asked = heard[2].reshape(-1, frames.shape[1])
by_window = anomaly.scores(machine, frames[::10], asked, components=8, seed=settings.seed)
by_detector = {
    name.replace("_", " "): anomaly.of_recordings(each, len(machine_test.samples))
    for name, each in by_window._asdict().items()
}
tables["faults"] = anomaly.fault_table(by_detector, machine_test)
anomaly_plots.roc_curves(by_detector, machine_test.anomalous, figures / "roc_curves.png")

# %% [markdown]
# ## To the device
#
# A classifier that few labels made; a detector of what is not normal; a denoiser; and half a codec:
# the encoder sends bytes, the decoder is elsewhere.
#
#     python -m deploy.runtime run OUT/deploy/cpu/anomaly picture.png --draw where.png
#     python -m deploy.runtime run OUT/deploy/cpu/machine sound.wav
#     python -m deploy.runtime run OUT/deploy/cpu/denoiser noisy.png --draw clean.png

# %%
cards = courses.export(
    settings,
    settings.out / "model.keras",
    "classifier",
    calibration=x[:384],
    class_names=info.class_names,
    test=(x_test, y_test),
)

# %%
kind = kinds[-1]
detector = left_out[kind][0]
detector.save(settings.out / "detector.keras")
normal = x_validation[y_validation != kind]
alarm = deploy.anomaly_threshold(detector, normal, false_alarm=0.05)
anomaly_cards = courses.export(
    settings,
    settings.out / "detector.keras",
    "anomaly",
    calibration=x[y != kind][:384],
    task={"task": "anomaly", **alarm.task},
    test=(x_test, (y_test == kind).astype("int64")),
)
tables["anomaly_deployed"] = figures_of(anomaly_cards)
anomaly_plots.score_histogram(
    left_out[kind][1].autoencoder, y_test == kind, alarm.threshold, figures / "scores.png"
)

# %%
height, width, channels = info.input_shape
image_shape = height, width, channels
noise = np.random.default_rng(settings.seed).normal(0, 60, x.shape)
denoiser = conv_autoencoder(
    image_shape, None, filters=recipe.filters[:1], code_filters=16, name="denoiser"
)
denoiser.compile(
    adamw(recipe.epochs * -(-len(x) // 64), 3e-3, weight_decay=0.0), "mse", jit_compile=False
)
with courses.timed(seconds, "denoiser"):
    denoiser.fit(np.clip(x + noise, 0, 255), x, batch_size=64, epochs=recipe.epochs, verbose=2)
denoiser.save(settings.out / "denoiser.keras")

# %%
codec = conv_autoencoder(
    image_shape, None, filters=recipe.filters[:1], code_filters=4, name="codec"
)
codec.compile(
    adamw(recipe.epochs * -(-len(x) // 64), 3e-3, weight_decay=0.0), "mse", jit_compile=False
)
with courses.timed(seconds, "codec"):
    codec.fit(x, x, batch_size=64, epochs=recipe.epochs, verbose=2)
ours = compression.by_codes(codec, x, x_test)
tables["codec"] = [
    ["", "bits a pixel", "PSNR"],
    ["code", f"{ours.bits_per_pixel:.2f}", f"{ours.psnr:.1f} dB"],
    *(
        ["JPEG", f"{each.bits_per_pixel:.2f}", f"{each.psnr:.1f} dB"]
        for each in compression.by_jpeg(x_test[:100])
    ),
]

# %% [markdown]
# ## The verdict

# %%
courses.write_metrics(
    settings,
    cards,
    dataset=info.name,
    epochs=epochs,
    parameters=model.count_params(),
    training_seconds=round(seconds["fine-tuning"], 1),
    history=history.history,
    test_accuracy=cards[0]["quality"]["keras"],
    tables=tables,
)
