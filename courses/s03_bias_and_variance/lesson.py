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
#     python -m courses run s03                            # 8 x 8 digits, no download: 99 % in 2 s
#     python -m courses run s03 --dataset fashion_mnist    # 28 x 28 pictures, TFDS: 89 % in 20 s
#     python -m courses run s03 --target cpu --target cortex-m --out results/s03
#     python -m courses check s03                          # grades exercises.py
#
# (Right on test data, and seconds of the final training on two cores. README.md has the tables.)
#
# The theory behind each step is in README.md, under the same headings.

# %%
from dataclasses import replace
from typing import NamedTuple

import keras
import numpy as np
from sklearn.model_selection import train_test_split

import courses
import deploy
from courses.s03_bias_and_variance import plots
from courses.s03_bias_and_variance.experiments import (
    bias_variance,
    double_descent,
    leaks,
    remedies,
    training,
)
from courses.s03_bias_and_variance.experiments.training import Recipe
from deploy.measure.formatting import markdown
from thinkkeras import datasets
from thinkkeras.diagnosis import diagnose
from thinkkeras.plots import learning_curves

settings = courses.settings("s03", dataset="digits", targets=("cpu", "cortex-m"))
keras.utils.set_random_seed(settings.seed)
figures = settings.figures
seconds: dict[str, float] = {}


class Setup(NamedTuple):
    """What a data set asks for."""

    small: int  # examples of the small training set
    networks: int  # trained with each remedy
    recipe: Recipe


SETUPS = {
    "digits": Setup(
        150, networks=10, recipe=Recipe((128, 128), epochs=60, batch_size=32, learning_rate=1e-2)
    ),
}
OTHERS = Setup(
    1500, networks=5, recipe=Recipe((256, 128), epochs=30, batch_size=32, learning_rate=2e-3)
)
setup = SETUPS.get(settings.dataset, OTHERS)
epochs = settings.epochs or setup.recipe.epochs
recipe = replace(setup.recipe, epochs=epochs, seed=settings.seed)
units, rate = recipe.units, recipe.learning_rate


def at_most(repetitions: int) -> int:
    """An experiment's repetitions, or fewer in a short run of `--epochs`."""
    return min(repetitions, settings.epochs or repetitions)


# %% [markdown]
# ## Splits
#
# The test set is put away until the end. What remains is split once more, every class in its
# proportion: the training examples are learned from, the validation examples decide. The last
# line takes the small training set on which most of this session is spent.

# %%
(train, validation, test), info = datasets.load(settings.dataset, augment=False)
known = [datasets.as_arrays(train.take(60_000 // 128)), datasets.as_arrays(validation)]
images, classes = (np.concatenate(parts) for parts in zip(*known, strict=True))
held_out = min(max(500, len(known[1][1])), 3000, len(classes) // 2)
x, validation_x, y, validation_y = train_test_split(
    images, classes, test_size=held_out, stratify=classes, random_state=settings.seed
)
small = min(setup.small, len(x))
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
found = [
    leaks.feature_selection_leak(settings.seed),
    leaks.duplicates_leak(x[:200], y[:200], settings.seed),
    leaks.choice_leak((x[:small], y[:small]), (validation_x, validation_y), settings.seed),
]
leak_rows = leaks.leak_table(found)
print(markdown(leak_rows))
plots.leaks(found, figures / "leaks.png")

# %% [markdown]
# ## Under- and over-fitting: polynomials
#
# Twenty noisy examples of a curve. A line cannot follow it, degree 15 follows the noise.

# %%
degrees = range(16)
errors = bias_variance.polynomial_errors(degrees, settings.seed)
plots.polynomials((1, 3, 15), settings.seed, figures / "polynomials.png")
plots.polynomial_errors(degrees, *errors, figures / "polynomial_errors.png")

# %% [markdown]
# ## Under- and over-fitting: networks
#
# Three networks, one too small and two on the small training set, one of these with a learning rate
# that is too large. `fit_one` (`experiments/training.py`) builds an `mlp`, compiles it and calls
# `model.fit` with validation data. `diagnose` reads each history and says what is wrong with it.

# %%
targets, unseen = one_hot[y], (validation_x, one_hot[validation_y])

histories = {}
for name, count, variant in (
    (
        "2 hidden units, all examples",
        len(x),
        replace(recipe, units=(2,), batch_size=max(32, len(x) // 50)),
    ),
    (f"{units[0]} and {units[1]} units, {small:,} examples", small, recipe),
    ("learning rate 30 times larger", small, replace(recipe, learning_rate=30 * rate)),
):
    _, history = training.fit_one(info, (x[:count], targets[:count]), unseen, variant)
    histories[name] = history.history
    print(f"\n{name}:", *diagnose(history, classes=info.classes), sep="\n  ")
plots.histories(histories, figures / "histories.png")

# %% [markdown]
# ## Learning curves against data size
#
# How far do more examples help? From here on networks train by the dozen, side by side: they share
# a `fit` and nothing else (`experiments/training.py`). Three for each size, each with examples of
# its own and all with the same number of steps.

# %%
sizes = sorted({int(size) for size in np.geomspace(max(20, small // 5), len(x), 6)})
each = [size for size in sizes for _ in range(3)]
draws = training.draw(len(x), each, len(x), settings.seed)
passes = min(epochs, -(-40_000 // len(x)))
model = training.fit_side_by_side(info, x, targets, draws, replace(recipe, epochs=passes))
own = 1 - training.accuracies(model, x, y, draws[:1000]).reshape(-1, 3)
new = 1 - training.accuracies(model, validation_x, validation_y).reshape(-1, 3)
plots.data_sizes(sizes, own, new, figures / "data_sizes.png")

# %% [markdown]
# ## The bias–variance decomposition
#
# Polynomials first: 500 training sets that differ in their noise. Bias² is how far the mean of the
# fits is from the curve, variance how far the fits are from their mean. Together with the noise
# they are the error on fresh examples, which is measured apart.

# %%
parts = bias_variance.decompose_polynomials(degrees, settings.seed)
shown = slice(0, 14)  # beyond, the variance dwarfs all else
plots.decomposition(
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
    draws = training.draw(len(x), [small] * 10, small, settings.seed)
    model = training.fit_side_by_side(info, x, targets, draws, replace(recipe, units=(width,)))
    predicted = training.probabilities(model, validation_x[:1000])
    decomposed.append(bias_variance.decompose_networks(predicted, validation_y[:1000]))
    print(f"width {width:3}: bias² {decomposed[-1][0]:.3f}, variance {decomposed[-1][1]:.3f}")
path = figures / "network_decomposition.png"
bias, variance = np.transpose(decomposed)
plots.decomposition(widths, bias, variance, path, label="hidden units")

# %% [markdown]
# ## Double descent
#
# A layer of random cosines that stays as it is, and behind it least squares. Where the features are
# as many as the examples, one set of weights fits all examples, at any price. Beyond, many do, and
# `lstsq` takes the smallest.

# %%
few = min(small, 300)
features = [max(2, round(few * factor)) for factor in double_descent.FEATURES_PER_EXAMPLE]
descent = double_descent.double_descent(
    (x[:few], y[:few]),
    (validation_x[:1000], validation_y[:1000]),
    features,
    settings.seed,
    repetitions=at_most(5),
)
plots.double_descent(features, *descent, few, figures / "double_descent.png")

# %% [markdown]
# ## Regularisation
#
# Every remedy on the same small training set, with the same network and the same number of steps:
# many networks each, which differ in their first weights, the order of their batches, and what
# the remedy itself draws.

# %%
measured, changes = remedies.compare(
    info,
    (x[:small], y[:small]),
    (validation_x, validation_y),
    recipe,
    networks=setup.networks,
)
chosen = max(measured, key=lambda name: measured[name].validation.mean())
ablation = remedies.ablation_table(measured)
print(markdown(ablation))
print(f"chosen: {chosen}")
plots.ablation(measured, figures / "ablation.png")
kernels = {name: measured[name].weights for name in ("none", "L2", "L1")}
plots.weight_sizes(kernels, figures / "weight_sizes.png")

# %% [markdown]
# ## The network
#
# Now with all training examples: once without a remedy, once with the one that validation chose.
# More data are a remedy too, so what the others add may have become small. Validation decides
# again which of the two goes to the device.

# %%
# Fewer epochs where each has more steps.
whole_epochs = settings.epochs or max(8, min(30, 30_000 // len(x)))
steps = whole_epochs * -(-len(x) // recipe.batch_size)
schedule = keras.optimizers.schedules.CosineDecay(rate, steps)
whole_recipe = replace(recipe, epochs=whole_epochs, learning_rate=schedule)
whole = [["all examples, with", "training accuracy", "validation accuracy"]]
trained = {}
for name in dict.fromkeys(["none", chosen]):
    keras.utils.set_random_seed(settings.seed)
    remedied = replace(whole_recipe, **changes[name])
    with courses.timed(seconds, name):
        model, history = training.fit_one(info, (x, targets), unseen, remedied, verbose=2)
    _, fitted = model.evaluate(x, targets, batch_size=500, verbose=0)
    _, accuracy = model.evaluate(*unseen, batch_size=500, verbose=0)
    trained[name] = model, history, accuracy
    whole.append([name, f"{fitted:.1%}", f"{accuracy:.1%}"])
    print(f"\n{name}:", *diagnose(history, classes=info.classes), sep="\n  ")
print(markdown(whole))
final = max(trained, key=lambda name: trained[name][2])
model, history, _ = trained[final]
learning_curves(history, figures / "learning_curves.png")

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
cards = courses.export(
    settings,
    settings.out / "model.keras",
    calibration=x[:500],
    class_names=info.class_names,
    test=(test_images, test_classes),
    quantization=deploy.Quantization(tolerance=0.3),
)

# %%
courses.write_metrics(
    settings,
    cards,
    dataset=info.name,
    epochs=len(history.history["loss"]),
    parameters=model.count_params(),
    training_seconds=round(seconds[final], 1),
    history=history.history,
    test_accuracy=test_accuracy,
    chosen=final,
    tables={"leaks": leak_rows, "ablation": ablation, "whole": whole},
)

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
