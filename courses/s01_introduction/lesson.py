# %% [markdown]
# # Session 1: introduction, the neuron, logistic regression
#
# What: one neuron learns to tell malignant tumours from benign ones, first in NumPy, then in Keras
# with equal numbers; a hidden layer bends its boundary; the neuron goes onto a microcontroller.
#
# Why: every network of the ten sessions is made of this neuron, is trained by such a loss and its
# gradient, and meets the device in this way.
#
# From a terminal:
#
#     python -m courses run s01                           # Wisconsin breast cancer, no download
#     python -m courses run s01 --dataset fashion_mnist   # softmax regression, through TFDS
#     python -m courses run s01 --target cpu --target cortex-m --out results/s01
#     python -m courses check s01                         # grades exercises.py
#
# The theory behind each step is in README.md, under the same headings.

# %%
import time

import keras
import numpy as np
from sklearn.datasets import load_breast_cancer, make_moons

import courses
import deploy
import deploy.report
import deploy.runtime
from courses.s01_introduction import drawings, from_scratch, history, results, tables
from courses.s06_convolutional_networks.drawings import class_samples
from thinkkeras import datasets, plots
from thinkkeras.models import mlp

settings = courses.settings("s01", dataset="breast_cancer", targets=("cpu", "cortex-m"))
keras.utils.set_random_seed(settings.seed)
figures = settings.out / "figures"

# %% [markdown]
# ## Where deep learning stands
#
# Eighty years on one page, and what the ten sessions make of them. Dates and sources are data, in
# `history.py`.

# %%
history.timeline(path=figures / "timeline.png")
history.course_map(path=figures / "course.png")

# %% [markdown]
# ## One neuron
#
# It weighs its inputs, sums, and squashes the sum into a probability. The inputs are two measures
# of a tumour's cell nuclei, standardised: less their mean, over their standard deviation. The
# weights are a guess by hand: large and coarsely textured nuclei speak against "benign".

# %%
(cells, _, _), _ = datasets.load("breast_cancer", seed=settings.seed)
table, benign = datasets.as_arrays(cells)  # benign is 1, malignant is 0
feature_names = list(load_breast_cancer().feature_names)
two = ["worst radius", "worst texture"]
x = table[:, [feature_names.index(name) for name in two]].astype(np.float64)
x = (x - x.mean(axis=0)) / x.std(axis=0)

by_hand = np.array([-2.0, -1.0]), 0.5
drawings.neuron(x[benign == 0][0], *by_hand, two, "benign", figures / "neuron.png")

# %% [markdown]
# ## Loss and gradient
#
# Cross-entropy is the surprise at the right answer, -ln p. Its slope in z is p - y, never flat
# where the answer is wrong. One matrix product brings it to the weights, and that is all of
# `from_scratch.logistic_regression`:
#
#     error = (sigmoid(x @ weights + bias) - y) / len(x)
#     weights = weights - learning_rate * x.T @ error
#     bias = bias - learning_rate * error.sum()

# %%
drawings.losses(figures / "losses.png")

# %% [markdown]
# ## Gradient descent
#
# A step against the gradient, again and again. The learning rate is how far: too small, and it
# crawls; too large, and it leaps far past the least loss (the cross). The start is wrong on
# purpose.

# %%
start = np.array([2.5, -1.5]), 0.0
train_neuron = from_scratch.logistic_regression
runs = {
    rate: train_neuron(x, benign, *start, learning_rate=rate, steps=30) for rate in (0.1, 4, 20)
}
*_, lowest = train_neuron(x, benign, *start, learning_rate=4, steps=2000)
drawings.descent(
    lambda points: np.array(
        [from_scratch.cross_entropy(x @ w + lowest.parameters[1], benign) for w in points]
    ),
    {rate: np.array([step.parameters[0] for step in run]) for rate, run in runs.items()},
    [f"weight of {name}" for name in two],
    figures / "descent.png",
)

# %% [markdown]
# ## The decision boundary
#
# p = 0.5 where the sum is 0: a line. Training turns and shifts it, and makes the step across it
# steeper.

# %%
straight = train_neuron(x, benign, *start, learning_rate=1.0, steps=100)
drawings.boundaries(
    x,
    benign,
    {f"step {step}": from_scratch.answers(straight[step]) for step in (0, 2, 5, 10, 100)},
    [f"{name}, standardised" for name in two],
    figures / "boundary_moving.png",
)

# %% [markdown]
# ## A hidden layer
#
# XOR is one where exactly one of two inputs is. No line parts its corners, so the best that
# logistic regression finds is the same answer for all four. Two neurons that draw a line each, and
# a third one that reads their answers, do it: these weights are set by hand.

# %%
corners, exclusive = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])
*_, best = train_neuron(corners, exclusive, *start, learning_rate=1.0, steps=2000)
drawings.xor(
    from_scratch.answers(best),
    kernel=np.array([[1.0, 1.0], [1.0, 1.0]]),
    bias=np.array([-0.5, -1.5]),  # one line below the middle, one above
    output=(np.array([1.0, -1.0]), -0.5),  # beyond the first, and not beyond the second
    path=figures / "xor.png",
)

# %% [markdown]
# Nobody sets weights by hand: the gradient passes through the hidden layer by the chain rule, two
# more lines in `from_scratch.one_hidden_layer`.

# %%
moons, which = make_moons(400, noise=0.15, random_state=settings.seed)
random, units = np.random.default_rng(settings.seed), 5
guess = random.normal(size=(2, units)), random.normal(size=units)
bent = from_scratch.one_hidden_layer(moons, which, *guess, learning_rate=1.0, steps=4000)
frames = {f"step {step}": from_scratch.answers(bent[step]) for step in (0, 10, 100, 400, 4000)}
drawings.boundaries(
    moons,
    which,
    frames | {"the hidden units' lines": from_scratch.answers(bent[-1])},
    ["$x_1$", "$x_2$"],
    figures / "boundary_bending.png",
    columns=3,
    lines={"the hidden units' lines": bent[-1].parameters[:2]},
)

# %% [markdown]
# ## The same in Keras
#
# The same weights to start from, plain SGD, and all examples in one batch: then an epoch of `fit`
# is a step of the loops in `from_scratch`. NumPy computes with 64 bits, Keras with 32.

# %%
steps = min(100, 10 * (settings.epochs or 10))
twins = {
    name: (
        ours[: steps + 1],
        from_scratch.in_keras(*examples, ours[0], learning_rate=1.0, steps=steps),
    )
    for name, ours, examples in (
        ("logistic regression", straight, (x, benign)),
        (f"{units} hidden units", bent, (moons, which)),
    )
}
drawings.agreement(twins, figures / "numpy_and_keras.png")
equal = tables.agreement(twins)
print(deploy.report.markdown(equal))

# %% [markdown]
# ## The data
#
# `breast_cancer` has thirty measures. They stay in their own units: the model's first layer
# standardises them, so that training, calibration and device cannot disagree about it. Pixels of
# pictures are divided by 255 in the same place.

# %%
batch_size = {"breast_cancer": 32, "digits": 32}.get(settings.dataset, 128)
(train, validation, test), info = datasets.load(
    settings.dataset, batch_size=batch_size, augment=False, seed=settings.seed
)
train_x, train_classes = datasets.as_arrays(train)
test_x, test_classes = datasets.as_arrays(test)
print(f"{info.name}: {info.counts}, examples of {info.input_shape}, {info.classes} classes")
is_table = len(info.input_shape) == 1
if is_table:
    eight = [0, 1, 4, 7, 20, 21, 24, 27]  # radius, texture, smoothness, concave points
    names = [feature_names[index] for index in eight]
    results.measures(train_x[:, eight], train_classes, names, info.labels, figures / "data.png")
    preprocessing = keras.layers.Normalization(name="normalization")
    preprocessing.adapt(train_x)
else:
    class_samples(test_x, test_classes, info.labels, figures / "data.png")
    preprocessing = None

# %% [markdown]
# ## The network
#
# Logistic regression where there are two classes, softmax regression where there are more. Weights
# start at zero. A small penalty on their squares keeps those of a small set from growing for ever.

# %%
outputs, activation = (1, "sigmoid") if info.classes == 2 else (info.classes, "softmax")
common = {
    "input_shape": info.input_shape,
    "classes": outputs,
    "kernel_regularizer": keras.regularizers.L2(1e-3 if is_table else 0.0),
    "preprocessing": preprocessing,
    "classifier_activation": activation,
}
model = mlp(
    units=(), name="logistic_regression" if outputs == 1 else "softmax_regression", **common
)
classifier = model.get_layer("classifier")
classifier.set_weights([np.zeros_like(weights) for weights in classifier.get_weights()])
model.summary()
history.network_sizes(classifier.count_params(), path=figures / "network_sizes.png")

# %% [markdown]
# ## Training
#
# Gradient descent on batches of a few examples, with momentum and a learning rate that falls along
# a cosine (session 4 says why).

# %%
epochs = settings.epochs or {"breast_cancer": 60, "digits": 40}.get(settings.dataset, 10)


def compile_and_fit(network: keras.Model) -> keras.callbacks.History:
    learning_rate = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.1 if is_table else 0.03, decay_steps=epochs * len(train)
    )
    network.compile(
        optimizer=keras.optimizers.SGD(learning_rate, momentum=0.9),
        loss="binary_crossentropy" if outputs == 1 else "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=False,  # compiling takes longer than such a network trains
    )
    return network.fit(train, validation_data=validation, epochs=epochs, shuffle=False, verbose=2)


started = time.perf_counter()
fit = compile_and_fit(model)
training_seconds = time.perf_counter() - started
model.save(settings.out / "model.keras")

# %%
_, test_accuracy = model.evaluate(test, verbose=0)
print(f"test accuracy {test_accuracy:.2%} after {training_seconds:.0f} s of training")

# %% [markdown]
# ## What it learned

# %%
probabilities = model.predict(test, verbose=0)
kernel = classifier.get_weights()[0]
if outputs == 1:  # the sigmoid gives the second class's alone
    probabilities = np.concatenate([1 - probabilities, probabilities], axis=1)
    kernel = np.concatenate([-kernel, kernel], axis=1)
predicted = probabilities.argmax(axis=1)
plots.learning_curves(fit, figures / "learning_curves.png")
plots.confusion_matrix(test_classes, predicted, info.labels, figures / "confusion_matrix.png")
if is_table:
    results.weight_bars(kernel[:, 1], feature_names, info.labels, figures / "weights.png")
else:
    results.weight_pictures(kernel, train_x, train_classes, info.labels, figures / "weights.png")

# %% [markdown]
# ## The threshold
#
# A malignant tumour that is missed is worse than a false alarm. Let it be nine times as bad: then
# an alarm pays from a probability of 1 / (1 + 9) on. The class to be found is the first one,
# "malignant" here.

# %%
cost = 9
sought, probability = test_classes == 0, probabilities[:, 0]
results.thresholds(sought, probability, 1 / (1 + cost), info.labels[0], figures / "threshold.png")
decisions = tables.decisions(sought, probability, cost, (0.5, 1 / (1 + cost)))
print(deploy.report.markdown(decisions))

# %% [markdown]
# ## Does a hidden layer help?
#
# The same recipe with a hidden layer. Validation data decide; the test set has had its turn.

# %%
width = 16 if is_table else 128
deeper = mlp(units=(width,), name="one_hidden_layer", **common)
both = {
    model.name.replace("_", " "): (model, fit),
    f"{width} hidden units": (deeper, compile_and_fit(deeper)),
}
compared = tables.networks(both)
print(deploy.report.markdown(compared))

# %% [markdown]
# ## To the device
#
# int8 has 256 steps for a whole tensor. Thirty measures from thousandths to thousands in one tensor
# leave most of them less than a step: they are gone before the first weight. `fix=True` finds the
# operators that cost the accuracy and keeps those, and the input, in float32. Pixels are all of
# one size, and lose nothing.

# %%
calibration_x = train_x[:384]
spreads = train_x.reshape(len(train_x), -1).std(axis=0)
step = (float(calibration_x.max()) - min(float(calibration_x.min()), 0.0)) / 255
results.one_scale(spreads, step, feature_names, figures / "one_scale.png")
np.savez_compressed(settings.out / "calibration.npz", x=calibration_x)
np.savez_compressed(settings.out / "test.npz", x=test_x, y=test_classes)

cards = [
    deploy.export(
        settings.out / "model.keras",
        target,
        out=settings.out / "deploy" / target,
        calibration=calibration_x,
        labels=info.labels,
        test=(test_x, test_classes),
        tolerance=0.3,
        fix=deploy.TARGETS[target].scheme.startswith("int"),
        seed=settings.seed,
        overwrite=True,
    )
    for target in settings.targets
]
trap = tables.float_layers(cards)
print(deploy.report.markdown(trap))

# %% [markdown]
# A bundle is all that the device gets. Its runtime needs NumPy and LiteRT, no TensorFlow:

# %%
on_device = deploy.runtime.load(settings.out / "deploy" / settings.targets[0])
print(
    f"the device says {on_device.predict(test_x[0])['label']}, "
    f"Keras says {info.labels[predicted[0]]}, it is {info.labels[test_classes[0]]}"
)

# %% [markdown]
# ## The verdict
#
# Everything measured goes into `metrics.json`; the tables are what the session's README shows.

# %%
courses.write_metrics(
    settings.out,
    cards,
    dataset=info.name,
    seed=settings.seed,
    epochs=epochs,
    parameters=model.count_params(),
    training_seconds=round(training_seconds, 1),
    history=fit.history,
    test_accuracy=test_accuracy,
    tables={"equal": equal, "threshold": decisions, "hidden": compared, "trap": trap},
)
print(deploy.table(cards))

# %% [markdown]
# ## What was learnt
#
# - A neuron is a weighted sum and a squashing; its boundary is a line, or a plane.
# - Cross-entropy makes its slope p - y; gradient descent needs nothing else, and Keras computes
#   the same numbers.
# - Hidden neurons draw a line each, and the output reads their answers: that bends the boundary.
#   Whether the data need it is for validation data to say.
# - A probability is not yet a decision: the costs set the threshold.
# - One int8 tensor has one scale. Measures of different sizes must be brought to one size in
#   float, before they become integers.
#
# Now open `exercises.py`: each of these steps is there to be written by hand.
