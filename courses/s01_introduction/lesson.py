# %% [markdown]
# # Session 1: introduction, the neuron, logistic regression
#
# What: one neuron learns to tell malignant tumours from benign ones, first in NumPy, then in Keras
# with equal numbers; a hidden layer bends its boundary; the neuron goes onto a microcontroller.
#
# Why: every network of the ten sessions is made of such neurons, trained and deployed in this way.
#
# From a terminal:
#
#     python -m courses run s01                           # breast cancer, no download: 98 % in 1 s
#     python -m courses run s01 --dataset fashion_mnist   # softmax regression, TFDS: 84 % in 5 s
#     python -m courses check s01                         # grades exercises.py
#
# (Right on test data, and seconds of training on two cores. README.md has the tables.)
#
# The theory behind each step is in README.md, under the same headings.

# %%
from typing import NamedTuple

import keras
import numpy as np
from sklearn.datasets import make_moons

import courses
import deploy
import deploy.runtime
from courses.s01_introduction import experiments, plots, references
from deploy.measure.formatting import markdown
from thinkkeras import datasets
from thinkkeras.models import mlp
from thinkkeras.plots import confusion_matrix, learning_curves

settings = courses.settings("s01", dataset="breast_cancer", targets=("cpu", "cortex-m"))
keras.utils.set_random_seed(settings.seed)
figures = settings.figures
seconds: dict[str, float] = {}


class Recipe(NamedTuple):
    """What a data set asks for."""

    batch_size: int
    epochs: int
    learning_rate: float  # the first one
    l2: float  # of the penalty on the weights
    hidden_units: int  # of the network to compare with


RECIPES = {
    "breast_cancer": Recipe(32, epochs=60, learning_rate=0.1, l2=1e-3, hidden_units=16),
    "digits": Recipe(32, epochs=40, learning_rate=0.03, l2=0.0, hidden_units=128),
}
OTHERS = Recipe(128, epochs=10, learning_rate=0.03, l2=0.0, hidden_units=128)
recipe = RECIPES.get(settings.dataset, OTHERS)
epochs = settings.epochs or recipe.epochs

# %% [markdown]
# ## Where deep learning stands
#
# Eighty years on one page, and the ten sessions. Dates and sources are data, in `plots/field.py`.

# %%
plots.timeline(path=figures / "timeline.png")
plots.course_map(path=figures / "course.png")

# %% [markdown]
# ## One neuron
#
# It weighs its inputs, sums, and squashes the sum into a probability. The inputs are two measures
# of a tumour's cell nuclei, less their mean and over their standard deviation. The weights are a
# guess by hand: large and coarsely textured nuclei speak against "benign".

# %%
two = ["worst radius", "worst texture"]
x, benign = experiments.standardised_measures(two, settings.seed)  # benign is 1, malignant is 0
weights, bias = np.array([-2.0, -1.0]), 0.5
plots.neuron(x[benign == 0][0], weights, bias, two, "benign", figures / "neuron.png")

# %% [markdown]
# ## The loss and its gradient
#
# Cross-entropy is the surprise at the right answer, -ln p. Its slope in z is p - y, never flat
# where the answer is wrong. All of the training loop in `references.train_logistic_regression`:
#
#     error = (sigmoid(x @ weights + bias) - y) / len(x)
#     weights, bias = weights - learning_rate * x.T @ error, bias - learning_rate * error.sum()

# %%
plots.losses(figures / "losses.png")

# %% [markdown]
# ## Gradient descent and the boundary
#
# The learning rate is how far each step against the gradient goes: too small, and it crawls; too
# large, and it leaps far past the least loss (the cross). The start is wrong on purpose. p = 0.5
# where the sum is 0, on a line, which training turns, shifts and makes a steeper step.

# %%
start = np.array([2.5, -1.5]), 0.0
train_neuron = references.train_logistic_regression
runs = {r: train_neuron(x, benign, *start, learning_rate=r, steps=30) for r in (0.1, 4, 20)}
*_, lowest = train_neuron(x, benign, *start, learning_rate=4, steps=2000)
plots.descent(x, benign, runs, lowest, two, figures / "descent.png")

straight = train_neuron(x, benign, *start, learning_rate=1.0, steps=100)
frames = {f"step {step}": straight[step] for step in (0, 2, 5, 10, 30, 100)}
plots.boundaries(x, benign, frames, two, figures / "boundary_moving.png")

# %% [markdown]
# ## A hidden layer
#
# XOR is one where exactly one of two inputs is. No line parts its corners: the best that logistic
# regression finds is the same answer for all four. Two neurons that draw a line each, and a third
# one that reads their answers, do it, here with weights set by hand. On two moons the weights are
# learned: the gradient passes through the hidden layer in two lines of
# `references.train_one_hidden_layer`.

# %%
corners, exclusive = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])
*_, best = train_neuron(corners, exclusive, *start, learning_rate=1.0, steps=2000)
lines = np.array([[1.0, 1.0], [1.0, 1.0]]), np.array([-0.5, -1.5])  # below and above the middle
output = np.array([1.0, -1.0]), -0.5  # beyond the first line, and not beyond the second
plots.xor(references.predictor(best), *lines, output, figures / "xor.png")

moons, which = make_moons(400, noise=0.15, random_state=settings.seed)
random, units = np.random.default_rng(settings.seed), 5
guess = random.normal(size=(2, units)), random.normal(size=units)
bent = references.train_one_hidden_layer(moons, which, *guess, learning_rate=1.0, steps=4000)
frames = {f"step {step}": bent[step] for step in (0, 10, 100, 400, 4000)}
frames["the hidden units' lines"] = bent[-1]
plots.boundaries(moons, which, frames, ["$x_1$", "$x_2$"], figures / "boundary_bending.png")

# %% [markdown]
# ## The same in Keras
#
# The same weights to start from, plain SGD, and all examples in one batch: then an epoch of `fit`
# is a step of the loops in `references`. NumPy computes with 64 bits, Keras with 32.

# %%
steps = min(100, 10 * (settings.epochs or 10))
counterparts = {}
for name, ours, (points, classes) in (
    ("logistic regression", straight, (x, benign)),
    (f"{units} hidden units", bent, (moons, which)),
):
    theirs = references.train_in_keras(points, classes, ours[0], learning_rate=1.0, steps=steps)
    counterparts[name] = ours[: steps + 1], theirs
plots.keras_agreement(counterparts, figures / "numpy_and_keras.png")
equal = experiments.agreement_table(counterparts)
print(markdown(equal))

# %% [markdown]
# ## The data
#
# `breast_cancer` has thirty measures in their own units. The model's first layer standardises them,
# and divides pixels by 255, so that training, calibration and device cannot disagree about it.

# %%
(train, validation, test), info = datasets.load(
    settings.dataset, batch_size=recipe.batch_size, augment=False, seed=settings.seed
)
train_x, train_classes = datasets.as_arrays(train)
test_x, test_classes = datasets.as_arrays(test)
print(f"{info.name}: {info.counts}, examples of {info.input_shape}")
plots.show_data(train_x, train_classes, info, figures / "data.png")
is_table = len(info.input_shape) == 1
preprocessing = None
if is_table:
    preprocessing = keras.layers.Normalization(name="normalization")
    preprocessing.adapt(train_x)

# %% [markdown]
# ## The network and its training
#
# Logistic regression where there are two classes, softmax regression where there are more. Weights
# start at zero. A small penalty on their squares keeps those of a small set from growing for ever.
# Gradient descent on batches of a few examples, with momentum and a learning rate that falls along
# a cosine (session 4 says why).

# %%
outputs, activation = (1, "sigmoid") if info.classes == 2 else (info.classes, "softmax")
common = {
    "input_shape": info.input_shape,
    "classes": outputs,
    "kernel_regularizer": keras.regularizers.L2(recipe.l2),
    "preprocessing": preprocessing,
    "classifier_activation": activation,
}
model = mlp(units=(), name=f"{'logistic' if outputs == 1 else 'softmax'}_regression", **common)
classifier = model.get_layer("classifier")
classifier.set_weights([np.zeros_like(weights) for weights in classifier.get_weights()])
model.summary()
plots.network_sizes(classifier.count_params(), path=figures / "network_sizes.png")


def compile_and_fit(network: keras.Model) -> keras.callbacks.History:
    learning_rate = keras.optimizers.schedules.CosineDecay(
        recipe.learning_rate, decay_steps=epochs * len(train)
    )
    network.compile(
        optimizer=keras.optimizers.SGD(learning_rate, momentum=0.9),
        loss="binary_crossentropy" if outputs == 1 else "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=False,  # compiling takes longer than such a network trains
    )
    return network.fit(train, validation_data=validation, epochs=epochs, shuffle=False, verbose=2)


with courses.timed(seconds, model.name):
    fit = compile_and_fit(model)
model.save(settings.out / "model.keras")
_, test_accuracy = model.evaluate(test, verbose=0)
print(f"test accuracy {test_accuracy:.2%} after {seconds[model.name]:.0f} s of training")

# %% [markdown]
# ## What it learned

# %%
probabilities = model.predict(test, verbose=0)
kernel = classifier.get_weights()[0]
if outputs == 1:  # the sigmoid gives the second class's alone
    probabilities = np.concatenate([1 - probabilities, probabilities], axis=1)
    kernel = np.concatenate([-kernel, kernel], axis=1)
predicted = probabilities.argmax(axis=1)
learning_curves(fit, figures / "learning_curves.png")
confusion_matrix(test_classes, predicted, info.class_names, figures / "confusion_matrix.png")
plots.show_weights(kernel, train_x, train_classes, info, figures / "weights.png")

# %% [markdown]
# ## The threshold
#
# A malignant tumour that is missed is worse than a false alarm. Let it be nine times as bad: then
# an alarm pays from a probability of 1 / (1 + 9) on. The class to be found is the first one,
# "malignant" here.

# %%
cost = 9
positive, probability = test_classes == 0, probabilities[:, 0]
plots.thresholds(
    positive, probability, 1 / (1 + cost), info.class_names[0], figures / "threshold.png"
)
decisions = experiments.decision_table(positive, probability, cost, (0.5, 1 / (1 + cost)))
print(markdown(decisions))

# %% [markdown]
# ## Does a hidden layer help?
#
# The same recipe with a hidden layer. Validation data decide; the test set has had its turn.

# %%
width = recipe.hidden_units
deeper = mlp(units=(width,), name="one_hidden_layer", **common)
both = {"no hidden layer": (model, fit), f"{width} hidden units": (deeper, compile_and_fit(deeper))}
compared = experiments.network_table(both)
print(markdown(compared))

# %% [markdown]
# ## To the device
#
# int8 has 256 steps for a whole tensor. Thirty measures from thousandths to thousands in one tensor
# leave most of them less than a step. `fix=True` finds the operators that cost the accuracy and
# keeps those, and the input, in float32. Pixels are all of one size, and lose nothing. A bundle is
# all that the device gets; its runtime needs NumPy and LiteRT, no TensorFlow. What was measured
# goes into `metrics.json`, whose tables the README shows.

# %%
calibration_x = train_x[:256]
spreads = train_x.reshape(len(train_x), -1).std(axis=0)
step = (float(calibration_x.max()) - min(float(calibration_x.min()), 0.0)) / 255
plots.one_scale(spreads, step, figures / "one_scale.png")
np.savez_compressed(settings.out / "calibration.npz", x=calibration_x)
np.savez_compressed(settings.out / "test.npz", x=test_x, y=test_classes)

cards = [
    deploy.export(
        settings.out / "model.keras",
        target,
        out=settings.out / "deploy" / target,
        calibration=calibration_x,
        class_names=info.class_names,
        test=(test_x, test_classes),
        quantization=deploy.Quantization(
            tolerance=0.3, fix=deploy.TARGETS[target].scheme.startswith("int")
        ),
        seed=settings.seed,
        overwrite=True,
    )
    for target in settings.targets
]
trap = experiments.float_layer_table(cards)
print(markdown(trap))
on_device = deploy.runtime.load(settings.out / "deploy" / settings.targets[0])
print(
    f"the device says {on_device.predict(test_x[0])['label']}, "
    f"Keras says {info.class_names[predicted[0]]}, it is {info.class_names[test_classes[0]]}"
)

courses.write_metrics(
    settings,
    cards,
    dataset=info.name,
    epochs=epochs,
    parameters=model.count_params(),
    training_seconds=round(seconds[model.name], 1),
    history=fit.history,
    test_accuracy=test_accuracy,
    tables={"equal": equal, "threshold": decisions, "hidden": compared, "trap": trap},
)

# %% [markdown]
# ## What was learnt
#
# - A neuron is a weighted sum and a squashing; its boundary is a line, or a plane.
# - Cross-entropy makes its slope p - y; NumPy and Keras compute the same numbers from it.
# - Hidden neurons draw a line each, which bends the boundary; validation says if that is needed.
# - A probability is not yet a decision: the costs set the threshold.
# - One int8 tensor has one scale: measures of different sizes are brought to one size in float.
#
# Now open `exercises.py`: each of these steps is there to be written by hand.
