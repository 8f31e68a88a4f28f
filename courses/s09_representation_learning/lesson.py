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
#     python -m courses run s09                            # digits, no download: 94 % in 15 s
#     python -m courses run s09 --dataset fashion_mnist
#     python -m courses check s09                          # grades exercises.py
#
# (Right on test data, of 100 labels, and the time of the last training on two cores; with all that
# is compared, the run takes some eight minutes. README.md has the tables.)
#
# The theory behind each step is in README.md, under the same headings.

# %%
import keras
import numpy as np
from scipy.io import wavfile
from scipy.ndimage import median_filter
from sklearn.manifold import TSNE

import courses
import deploy
import deploy.runtime
from courses.s09_representation_learning.experiments import anomaly, compression, representations
from courses.s09_representation_learning.plots import anomaly as anomaly_plots
from courses.s09_representation_learning.plots import representations as pictures
from deploy.bundle.card_text import figures as figures_of
from thinkkeras import datasets
from thinkkeras.models import autoencoder, conv_autoencoder
from thinkkeras.optimizers import adamw
from thinkkeras.plots import attention_maps, image_rows, learning_curves

settings = courses.settings("s09", dataset="digits", targets=("cpu", "cortex-m"))
keras.utils.set_random_seed(settings.seed)
figures = settings.figures
seconds: dict[str, float] = {}
tables: dict[str, list[list[str]]] = {}
trial = settings.epochs is not None
recipe = representations.RECIPES.get(settings.dataset, representations.RECIPES["cifar10"])
if trial:
    recipe = recipe._replace(
        epochs=1,
        contrastive_epochs=1,
        counts=recipe.counts[:1],
        codes=recipe.codes[:1],
        codecs=recipe.codecs[:1],
        seeds=1,
    )

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
# No activation, one layer each way, the mean squared error, images less their mean. Which subspace
# of ten dimensions does it find?

# %%
components = 10
centred = x - x.mean(axis=0)
linear = autoencoder(info.input_shape, components, units=())
linear_epochs = 2 if trial else max(recipe.epochs, 100_000 // len(x))
linear.compile(
    adamw(linear_epochs * -(-len(x) // 128), 1e-2, weight_decay=0.0), "mse", jit_compile=False
)
with courses.timed(seconds, "linear autoencoder"):
    linear.fit(centred, centred, batch_size=128, epochs=linear_epochs, verbose=0)
principal = np.linalg.svd(centred.reshape(len(x), -1), full_matrices=False)[2][:components]
angles = representations.principal_angles(
    principal, linear.get_layer("decoder").get_layer("outputs").kernel.numpy()
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
seeds = range(settings.seed, settings.seed + recipe.seeds)
names = ("pixels", "PCA", "deep", "convolutional", "SimCLR") if trial else representations.METHODS
learned: dict[str, list[representations.Learned]] = {}
found: dict[str, list[representations.Worth]] = {}
for name in names:
    for seed in seeds:
        one = representations.learn(name, x, y, recipe, seed)
        worth = representations.worth(one, (x, y), (x_test, y_test), counts, seed)
        learned.setdefault(name, []).append(one)
        found.setdefault(name, []).append(worth)
        print(f"{name}: {worth}", flush=True)
tables["worth"] = representations.worth_table(found)
pictures.accuracy_by_labels(found, figures / "accuracy_by_labels.png")

# %% [markdown]
# ## What a code keeps
#
# The same images through the codes of all that can paint, and the error by the size of the code.

# %%
first = {name: each[0] for name, each in learned.items()}
painters = {name: each for name, each in first.items() if each.decoder is not None}
shown = x_test[:10]
image_rows(
    {"image": shown} | {name: each.reconstruct(shown) for name, each in painters.items()},
    figures / "reconstructions.png",
)
sizes = representations.errors_by_code(
    ["PCA", "deep", "convolutional"], x, x_test, recipe, settings.seed
)
pictures.error_by_code(sizes, figures / "error_by_code.png")

# %% [markdown]
# ## What the space looks like
#
# Codes brought down to the plane; their colours are classes that nobody was told.

# %%
few = slice(0, 200 if trial else 1500)
pictures.latent_maps(
    {
        name: TSNE(init="pca", random_state=settings.seed).fit_transform(
            first[name].encode(x_test[few])
        )
        for name in ("pixels", "convolutional", "SimCLR")
    },
    y_test[few],
    info.class_names,
    figures / "latent_maps.png",
)

# %% [markdown]
# From one image to another, on a straight line between pixels and between codes; and what single
# numbers of the code do.

# %%
first_of = [int(np.flatnonzero(y_test == kind)[0]) for kind in (0, 1)]
start, end = x_test[first_of].astype("float32")
image_rows(
    {name: representations.between(first[name], start, end) for name in ("PCA", "convolutional")}
    | {"pixels": np.stack([(1 - share) * start + share * end for share in np.linspace(0, 1, 9)])},
    figures / "interpolations.png",
)
for name in ("PCA", "convolutional"):
    image_rows(representations.unit_changes(first[name], x), figures / f"code_{name.lower()}.png")

# %% [markdown]
# ## Few labels
#
# All the images and a few labels, against a network that sees the labelled images alone. A linear
# classifier on the code is one way to use the labels; training all layers from there is the other.

# %%
probed = [name for name in ("convolutional", "masked", "SimCLR") if name in found]
rows = [["labels", "from scratch", *probed, "SimCLR, all layers"]]
for number, count in enumerate(counts[:-1]):
    scores = [
        [
            representations.with_few_labels(start, (x, y), (x_test, y_test), count, recipe, seed)
            for seed, start in zip(seeds, starts, strict=True)
        ]
        for starts in ([None] * len(seeds), [each.encoder for each in learned["SimCLR"]])
    ]
    probes = [[each.probe[number] for each in found[name]] for name in probed]
    rows.append([f"{count:,}", *map(representations.over_seeds, [scores[0], *probes, scores[1]])])
    print(" | ".join(rows[-1]), flush=True)
tables["few_labels"] = rows

# %% [markdown]
# The second way once more in full: the network for the device. The new last layer learns first, by
# itself, since its large gradients would ruin what the others have learned.

# %%
count = min(100, len(x) // 2)
chosen = representations.labelled(y, count, settings.seed)
passed = np.resize(chosen, max(count, 1000))  # an epoch sees each of them several times
keras.utils.set_random_seed(settings.seed)
encoder = first["SimCLR"].encoder
model = representations.classifier(encoder, info.classes, name="pretrained")
epochs = settings.epochs or recipe.epochs
with courses.timed(seconds, "fine-tuning"):
    for trainable, learning_rate in ((False, 1e-2), (True, recipe.learning_rate / 30)):
        encoder.trainable = trainable
        model.compile(
            adamw(epochs * -(-len(passed) // 32), learning_rate, weight_decay=1e-3),
            "sparse_categorical_crossentropy",
            metrics=["accuracy"],
            jit_compile=False,  # on a CPU, XLA makes convolutions slower
        )
        history = model.fit(
            x[passed],
            y[passed],
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
kinds = [1, 0] if settings.dataset == "digits" else list(range(info.classes))
kinds = kinds[-1:] if trial else kinds
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
# The last of them goes onto the device. Its threshold comes from validation images of the other
# classes: one in twenty of these may raise a false alarm.

# %%
kind = kinds[-1]
detector, judged = left_out[kind]
detector.save(settings.out / "detector.keras")
normal = x_validation[y_validation != kind]
alarm = deploy.anomaly_threshold(detector, normal, false_alarm=0.05)
unusual = y_test == kind
anomaly_plots.score_histogram(judged.autoencoder, unusual, alarm.threshold, figures / "scores.png")

# %% [markdown]
# ## A machine that is heard
#
# Five frames of a log-mel spectrogram, 640 numbers, and MLPerf Tiny's network. The machine and its
# faults are made up: a toy with the shape of the real task.

# %%
sounds = datasets.load_machine_sounds(2 if trial else 12, seed=settings.seed)
frames, validation_frames, asked = map(anomaly.windows, sounds)
machine = anomaly.machine_net()
machine_epochs, machine_x = 1 if trial else 10, np.concatenate(frames)
machine.compile(
    adamw(machine_epochs * -(-len(machine_x) // 128), 3e-3, weight_decay=1e-3),
    "mse",
    jit_compile=False,
)
with courses.timed(seconds, "machine_net"):
    machine.fit(machine_x, machine_x, batch_size=128, epochs=machine_epochs, verbose=2)
machine.save(settings.out / "machine.keras")

# %%
by_window = anomaly.scores(
    machine, machine_x[::10], np.concatenate(asked), components=8, seed=settings.seed
)
by_detector = {
    name.replace("_", " "): anomaly.of_recordings(each, len(asked))
    for name, each in by_window._asdict().items()
}
tables["faults"] = anomaly.fault_table(by_detector, sounds[2])
for row in tables["faults"]:
    print(" | ".join(row))
anomaly_plots.roc_curves(by_detector, sounds[2].anomalous, figures / "roc_curves.png")

# %% [markdown]
# ## Noise
#
# An autoencoder without a narrow code, trained from noisy images to clean ones.

# %%
generator = np.random.default_rng(settings.seed)


def noisy(images: np.ndarray) -> np.ndarray:
    """Images with noise of a deviation of 60, of 0-255."""
    return np.clip(images + generator.normal(0, 60, images.shape), 0, 255).astype("float32")


denoiser = conv_autoencoder(
    x.shape[1:], None, filters=recipe.filters[:1], code_filters=16, name="denoiser"
)
denoiser.compile(
    adamw(recipe.epochs * -(-len(x) // 64), 3e-3, weight_decay=0.0), "mse", jit_compile=False
)
with courses.timed(seconds, "denoiser"):
    denoiser.fit(noisy(x), x, batch_size=64, epochs=recipe.epochs, verbose=2)
denoiser.save(settings.out / "denoiser.keras")
noisy_test = noisy(x_test)

# %% [markdown]
# ## Compression
#
# A code that stays a map, a byte a number; more channels take more bytes. Beside JPEG, whose header
# is not counted.

# %%
codecs = {}
for channels in recipe.codecs:
    codec = conv_autoencoder(
        x.shape[1:], None, filters=recipe.filters, code_filters=channels, name="codec"
    )
    codec.compile(
        adamw(recipe.epochs * -(-len(x) // 64), 3e-3, weight_decay=0.0), "mse", jit_compile=False
    )
    with courses.timed(seconds, f"codec of {channels} channels"):
        codec.fit(x, x, batch_size=64, epochs=recipe.epochs, verbose=2)
    codecs[channels] = codec

# %% [markdown]
# ## To the device
#
# A classifier that few labels made; a detector of images that are not normal, and one of sounds; a
# denoiser; and both halves of a codec: the encoder sends bytes, the decoder is elsewhere.
#
#     python -m deploy.runtime run OUT/deploy/cpu/anomaly picture.png --draw where.png
#     python -m deploy.runtime run OUT/deploy/cpu/machine OUT/machine.wav
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
detectors = courses.export(
    settings,
    settings.out / "detector.keras",
    "anomaly",
    calibration=x[y != kind][:384],
    task={"task": "anomaly", **alarm.task},
    test=(x_test, unusual.astype("int64")),
)
tables["anomaly_deployed"] = figures_of(detectors)

# %% [markdown]
# By how much, and where: the device says both.

# %%
watching = deploy.runtime.load(settings.out / "deploy" / settings.targets[0] / "anomaly")
some = [*np.flatnonzero(~unusual)[:5], *np.flatnonzero(unusual)[:5]]
answers = [watching.predict(image) for image in x_test[some].astype("float32")]
attention_maps(
    x_test[some],
    [("where", np.stack([answer["errors"].mean(axis=-1) for answer in answers]))],
    [
        f"{info.class_names[y_test[number]]}: {answer['ratio']:.1f}"
        for number, answer in zip(some, answers, strict=True)
    ],
    figures / "where.png",
)

# %% [markdown]
# A recording is judged as a whole, by the mean of its windows: so is its threshold chosen.

# %%
healthy = np.repeat(np.arange(len(validation_frames)), validation_frames.shape[1])
heard = deploy.anomaly_threshold(
    machine,
    np.concatenate(validation_frames),
    false_alarm=0.2 if trial else 0.05,  # of a trial, eight recordings are not enough for less
    recordings=healthy,
)
numbers = np.repeat(np.arange(len(asked)), asked.shape[1])
machines = courses.export(
    settings,
    settings.out / "machine.keras",
    "machine",
    calibration=machine_x[::20],
    task={"task": "anomaly", **heard.task},
    front_end=anomaly.FRONT_END,
    test=(np.concatenate(asked), np.stack([sounds[2].anomalous[numbers], numbers], axis=1)),
)
tables["machine_deployed"] = figures_of(machines)

# %%
cleaned = courses.export(
    settings,
    settings.out / "denoiser.keras",
    "denoiser",
    calibration=noisy(x[:384]),
    task="image_to_image",
    test=(noisy_test, x_test.astype("float32")),
)
smoothed = median_filter(noisy_test, (1, 3, 3, 1))
tables["denoising"] = [
    ["", "PSNR"],
    ["noisy", f"{compression.psnr(x_test, noisy_test):.1f} dB"],
    ["median of 3 x 3", f"{compression.psnr(x_test, smoothed):.1f} dB"],
    ["denoiser in Keras", f"{cleaned[0]['quality']['keras']:.1f} dB"],
    *([each["target"], f"{each['quality']['deployed']:.1f} dB"] for each in cleaned),
]
on_device = deploy.runtime.load(settings.out / "deploy" / settings.targets[0] / "denoiser")
image_rows(
    {
        "image": shown,
        "noisy": noisy_test[:10],
        "median": smoothed[:10],
        "Keras": denoiser.predict(noisy_test[:10], verbose=0),
        f"{settings.targets[0]}, int8": on_device.run([noisy_test[:10]])[0],
    },
    figures / "denoised.png",
)

# %%
curves: dict[str, list[compression.Compressed]] = {"code in Keras": [], "code on the device": []}
for channels, codec in codecs.items():
    halves = {name: codec.get_layer(name) for name in ("encoder", "decoder")}
    calibration = {"encoder": x[:384], "decoder": halves["encoder"].predict(x[:384], verbose=0)}
    for target in settings.targets:
        deploy.export_models(
            halves,
            target,
            out=settings.out / "deploy" / target / f"codec_{channels}",
            calibration=calibration,
            seed=settings.seed,
            overwrite=True,
        )
    curves["code in Keras"].append(compression.by_codes(codec, x, x_test))
    bundle = settings.out / "deploy" / settings.targets[0] / f"codec_{channels}"
    curves["code on the device"].append(compression.on_device(bundle, x_test))
curves["JPEG"] = compression.by_jpeg(x_test[:500])
tables["codec"] = compression.rate_table(curves)
pictures.rate_and_quality(curves, figures / "codec.png")

# %% [markdown]
# On the device: a healthy machine and a broken one are listened to.

# %%
listening = deploy.runtime.load(settings.out / "deploy" / settings.targets[0] / "machine")
for anomalous in (0, 1):
    number = int(np.flatnonzero(sounds[2].anomalous == anomalous)[-1])
    samples = (32767 * np.clip(sounds[2].samples[number], -1, 1)).astype("int16")
    wavfile.write(settings.out / "machine.wav", sounds[2].rate, samples)
    answer = listening.predict(settings.out / "machine.wav")
    verdict = "anomalous" if answer["anomalous"] else "normal"
    print(f"{sounds[2].conditions[number]}: {verdict}, {answer['ratio']:.2f} times the threshold")

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

# %% [markdown]
# ## What was learnt
#
# - A linear autoencoder finds the subspace of a principal component analysis, and no more.
# - A good reconstruction is not yet a good representation: what a code is worth, a task tells.
# - To compare is to say what should not matter: SimCLR's views are what its code forgets.
# - Where labels are few, learn from all images first.
# - A device can know what is normal without an example of what is not; its threshold is a promise
#   about false alarms, and needs data of its own.
# - An autoencoder is a codec whose decoder may stay at home.
#
# Now open `exercises.py`: each of these steps is there to be written by hand.
