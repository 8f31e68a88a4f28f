# %% [markdown]
# # Session 3: bias and variance, regularisation
#
# What: polynomials and networks that learn too little, and too much; what their errors are made
# of; seven remedies measured on the same small training set; and a network, trained with the best
# of them, as an int8 model on a CPU and a microcontroller.
#
# Why: a training set that is fitted perfectly says nothing. What counts is the error on examples
# that the network has never seen, and that error falls into parts with different remedies.
#
# From a terminal:
#
#     python -m courses run s03                            # 8 x 8 digits, no download
#     python -m courses run s03 --dataset fashion_mnist    # 28 x 28 pictures, through TFDS
#     python -m courses run s03 --target cpu --target cortex-m --out results/s03
#     python -m courses check s03                          # grades exercises.py
#
# The theory behind each step is in README.md, under the same headings.

# %%
import time
from typing import Any

import keras
import numpy as np
from sklearn.model_selection import train_test_split

import courses
import deploy
import deploy.report
from courses.s03_bias_and_variance import (
    drawings,
    experiments,
    polynomial_drawings,
    remedies,
    side_by_side,
    trainings,
)
from thinkkeras import datasets, plots
from thinkkeras.diagnosis import diagnose

settings = courses.settings("s03", dataset="digits", targets=("cpu", "cortex-m"))
keras.utils.set_random_seed(settings.seed)
figures = settings.out / "figures"

# %% [markdown]
# ## Splits
#
# The test set is put away until the end. What remains is split once more, every class in its
# proportion: the training examples are learned from, the validation examples decide. The last
# line takes the small training set on which most of this session is spent.

# %%
(train, validation, test), info = datasets.load(settings.dataset, augment=False)
known = [datasets.as_arrays(train.take(60_000 // 128)), datasets.as_arrays(validation)]
pictures, classes = (np.concatenate(parts) for parts in zip(*known, strict=True))
held_out = min(max(500, len(known[1][1])), 3000, len(classes) // 2)
x, validation_x, y, validation_y = train_test_split(
    pictures, classes, test_size=held_out, stratify=classes, random_state=settings.seed
)
small = min(150 if settings.dataset == "digits" else 1500, len(x))
one_hot = np.eye(info.classes, dtype="float32")
print(
    f"{info.name}: {len(x):,} to train with, {len(validation_y):,} for validation, "
    f"{info.counts['test']:,} for the test; small training set: {small:,}"
)

# %% [markdown]
# ## Leaks
#
# Each row reports an accuracy in which the test examples had a say, beside the one without. The
# first row's features are pure noise: no honest accuracy can be above a half.

# %%
leaks = [
    experiments.feature_selection_leak(settings.seed),
    experiments.duplicates_leak(x[:200], y[:200], settings.seed),
    experiments.choice_leak((x[:small], y[:small]), (validation_x, validation_y), settings.seed),
]
leak_rows = experiments.rows(leaks)
print(deploy.report.markdown(leak_rows))
drawings.leaks(leaks, figures / "leaks.png")

# %% [markdown]
# ## Under- and over-fitting: polynomials
#
# Twenty noisy examples of a curve. A line cannot follow it, degree 15 follows the noise.

# %%
degrees = range(16)
errors = experiments.polynomial_errors(degrees, settings.seed)
polynomial_drawings.polynomials((1, 3, 15), settings.seed, figures / "polynomials.png")
polynomial_drawings.polynomial_errors(degrees, *errors, figures / "polynomial_errors.png")

# %% [markdown]
# ## Under- and over-fitting: networks
#
# Three networks, one too small and two on the small training set, one of these with a learning rate
# that is too large. `fit_one` (`trainings.py`) builds an `mlp`, compiles it and calls `model.fit`
# with validation data. `diagnose` reads each history and says what is wrong with it.

# %%
units = (128, 128) if settings.dataset == "digits" else (256, 128)
epochs = settings.epochs or (60 if settings.dataset == "digits" else 30)
batch_size, rate = 32, 1e-2 if settings.dataset == "digits" else 2e-3
rest: dict[str, Any] = {"batch_size": batch_size, "learning_rate": rate, "seed": settings.seed}
targets, unseen = one_hot[y], (validation_x, one_hot[validation_y])

histories = {}
for name, count, changed in (
    ("2 hidden units, all examples", len(x), {"units": (2,), "batch_size": max(32, len(x) // 50)}),
    (f"{units[0]} and {units[1]} units, {small:,} examples", small, {}),
    ("learning rate 30 times larger", small, {"learning_rate": 30 * rate}),
):
    options = {"units": units, "epochs": epochs, **rest, **changed}
    _, history = trainings.fit_one(info, (x[:count], targets[:count]), unseen, **options)
    histories[name] = history.history
    print(f"\n{name}:", *diagnose(history, classes=info.classes), sep="\n  ")
drawings.histories(histories, figures / "histories.png")

# %% [markdown]
# ## Learning curves against data size
#
# How far do more examples help? From here on networks train by the dozen, side by side: they share
# a `fit` and nothing else (`side_by_side.py`). Three for each size, each with examples of its own
# and all with the same number of steps.

# %%
sizes = sorted({int(size) for size in np.geomspace(max(20, small // 5), len(x), 6)})
each = [size for size in sizes for _ in range(3)]
draws = side_by_side.draw(len(x), each, len(x), settings.seed)
passes = min(epochs, -(-40_000 // len(x)))
model = side_by_side.fit(info, x, targets, draws, units=units, epochs=passes, **rest)
own = 1 - side_by_side.accuracies(model, x, y, draws[:1000]).reshape(-1, 3)
new = 1 - side_by_side.accuracies(model, validation_x, validation_y).reshape(-1, 3)
drawings.data_sizes(sizes, own, new, figures / "data_sizes.png")

# %% [markdown]
# ## The bias–variance decomposition
#
# Polynomials first: 500 training sets that differ in their noise. Bias² is how far the mean of the
# fits is from the curve, variance how far the fits are from their mean. Together with the noise
# they are the error on fresh examples, which is measured apart.

# %%
parts = experiments.decompose_polynomials(degrees, settings.seed)
shown = slice(0, 14)  # beyond, the variance dwarfs all else
drawings.decomposition(
    degrees[shown],
    parts.bias[shown],
    parts.variance[shown],
    figures / "polynomial_decomposition.png",
    noise=parts.noise,
    error=parts.error[shown],
    label="degree of the polynomial",
)

# %% [markdown]
# Now networks of growing width, ten for each, every one with a training set of its own.

# %%
widths, decomposed = (1, 2, 4, 8, 32, 256), []
for width in widths:
    draws = side_by_side.draw(len(x), [small] * 10, small, settings.seed)
    model = side_by_side.fit(info, x, targets, draws, units=(width,), epochs=epochs, **rest)
    said = side_by_side.probabilities(model, validation_x[:1000])
    decomposed.append(experiments.decompose_networks(said, validation_y[:1000]))
    print(f"width {width:3}: bias² {decomposed[-1][0]:.3f}, variance {decomposed[-1][1]:.3f}")
path = figures / "network_decomposition.png"
bias, variance = np.transpose(decomposed)
drawings.decomposition(widths, bias, variance, path, label="hidden units")

# %% [markdown]
# ## Double descent
#
# A layer of random cosines that stays as it is, and behind it least squares. Where the features are
# as many as the examples, one set of weights fits all examples, at any price. Beyond, many do, and
# `lstsq` takes the smallest.

# %%
few = min(small, 300)
features = [max(2, round(few * factor)) for factor in experiments.FEATURES_PER_EXAMPLE]
descent = experiments.double_descent(
    (x[:few], y[:few]), (validation_x[:1000], validation_y[:1000]), features, settings.seed
)
drawings.double_descent(features, *descent, few, figures / "double_descent.png")

# %% [markdown]
# ## Regularisation
#
# Every remedy on the same small training set, with the same network and the same number of steps:
# many networks each, which differ in their first weights, the order of their batches, and what
# the remedy itself draws.

# %%
measured, recipes = remedies.compare(
    info,
    networks=10 if settings.dataset == "digits" else 5,
    train=(x[:small], y[:small]),
    validation=(validation_x, validation_y),
    units=units,
    epochs=epochs,
    **rest,
)
chosen = max(measured, key=lambda name: measured[name].validation.mean())
ablation = remedies.rows(measured)
print(deploy.report.markdown(ablation))
print(f"chosen: {chosen}")
drawings.ablation(measured, figures / "ablation.png")
kernels = {name: measured[name].weights for name in ("none", "L2", "L1")}
drawings.weight_sizes(kernels, figures / "weight_sizes.png")

# %% [markdown]
# ## The network
#
# Now with all training examples: once without a remedy, once with the one that validation chose.
# More data are a remedy too, so what the others add may have become small. Validation decides
# again which of the two goes to the device.

# %%
# Fewer epochs where each has more steps.
whole_epochs = settings.epochs or max(8, min(30, 30_000 // len(x)))
schedule = keras.optimizers.schedules.CosineDecay(rate, whole_epochs * -(-len(x) // batch_size))
options = {"units": units, "epochs": whole_epochs, **rest, "learning_rate": schedule, "verbose": 2}
whole = [["all examples, with", "training accuracy", "validation accuracy"]]
trained = {}
for name in dict.fromkeys(["none", chosen]):
    keras.utils.set_random_seed(settings.seed)
    started = time.perf_counter()
    model, history = trainings.fit_one(info, (x, targets), unseen, **options, **recipes[name])
    seconds = time.perf_counter() - started
    _, fitted = model.evaluate(x, targets, batch_size=500, verbose=0)
    _, right = model.evaluate(*unseen, batch_size=500, verbose=0)
    trained[name] = model, history, seconds, right
    whole.append([name, f"{fitted:.1%}", f"{right:.1%}"])
    print(f"\n{name}:", *diagnose(history, classes=info.classes), sep="\n  ")
print(deploy.report.markdown(whole))
final = max(trained, key=lambda name: trained[name][3])
model, history, training_seconds, _ = trained[final]
plots.learning_curves(history, figures / "learning_curves.png")

# %% [markdown]
# The test set, once.

# %%
test_images, test_classes = datasets.as_arrays(test)
_, test_accuracy = model.evaluate(test_images, one_hot[test_classes], batch_size=500, verbose=0)
print(f"with {final}: test accuracy {test_accuracy:.2%}")
model.save(settings.out / "model.keras")

# %% [markdown]
# ## To the device
#
# Every remedy of this session works in training only: dropout and augmentation are gone from the
# deployed network, batch normalisation has melted into the weights, and a penalty or a smoothed
# label leaves nothing but other weights. Regularising costs the device nothing.

# %%
cards = [
    deploy.export(
        settings.out / "model.keras",
        target,
        out=settings.out / "deploy" / target,
        calibration=x[:500],
        labels=info.labels,
        test=(test_images, test_classes),
        tolerance=0.3,
        seed=settings.seed,
        overwrite=True,
    )
    for target in settings.targets
]

# %%
courses.write_metrics(
    settings.out,
    cards,
    dataset=info.name,
    seed=settings.seed,
    epochs=len(history.history["loss"]),
    parameters=model.count_params(),
    training_seconds=round(training_seconds, 1),
    history=history.history,
    test_accuracy=test_accuracy,
    chosen=final,
    tables={"leaks": leak_rows, "ablation": ablation, "whole": whole},
)
print(deploy.table(cards))

# %% [markdown]
# ## What was learnt
#
# - Whatever chooses, counts or scales may only see training examples; the test set is opened once.
# - Bias is an error that the mean of all trainings would make, variance the scatter around it.
# - The training error tells bias, the gap to validation tells variance: they ask for different
#   remedies, and more data help the second alone.
# - A remedy is measured, on several seeds, before it is believed. What it does depends on the data.
# - Beyond interpolation the error can fall again: the number of weights is not the capacity used.
#
# Now open `exercises.py`: each of these steps is there to be written by hand.
