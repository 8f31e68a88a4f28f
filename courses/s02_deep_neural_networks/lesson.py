# %% [markdown]
# # Session 2: deep neural networks
#
# What: forward and backward propagation through any number of layers, first in NumPy and held
# against Keras, then a network of dense layers trained with `fit` and put onto a CPU and a
# microcontroller as int8.
#
# Why: every network of this course is trained by these two passes. Whoever has written them once
# knows why a deep network that starts badly never learns, and what its layers cost on a device.
#
# From a terminal:
#
#     python -m courses run s02                            # 8 x 8 digits, no download
#     python -m courses run s02 --dataset fashion_mnist    # the real thing, through TFDS
#     python -m courses run s02 --target cpu --target cortex-m --out results/s02
#     python -m courses check s02                          # grades exercises.py
#
# The theory behind each step is in README.md, under the same headings.

# %%
import time

import keras
import numpy as np

import courses
import deploy
from courses.s02_deep_neural_networks import (
    drawings,
    drawings_of_depth,
    experiments,
    reference,
    solutions,
)
from thinkkeras import datasets, plots
from thinkkeras.models import mlp

settings = courses.settings("s02", dataset="digits", targets=("cpu", "cortex-m"))
keras.utils.set_random_seed(settings.seed)
figures = settings.out / "figures"

# %% [markdown]
# ## The data
#
# Pixels stay whole numbers of 0-255; the network's first layer divides by 255 and flattens the
# picture into a row. The NumPy networks below get such rows ready-made, and classes as one-hot
# rows.

# %%
pipelines, info = datasets.load(settings.dataset, augment=False, seed=settings.seed)
arrays = [datasets.as_arrays(pipeline) for pipeline in pipelines]
(train_images, train_classes), (validation_images, validation_classes), test = arrays
test_images, test_classes = test
print(f"{info.name}: {info.counts}, pictures of {info.input_shape}, {info.classes} classes")

one_hot = np.eye(info.classes)
features = int(np.prod(info.input_shape))
some = 10_000  # of the training pictures, for the experiments
rows = train_images[:some].reshape(-1, features) / 255
targets = one_hot[train_classes[:some]]

# %% [markdown]
# ## Notation
#
# L layers; layer l has n[l] units, weights W[l], biases b[l], sums z[l] and activations a[l].

# %%
n = [features, 6, 5, info.classes]
drawings.notation(n, figures / "notation.png")

# %% [markdown]
# ## Forward propagation
#
# One line for each layer. A batch of m examples is a matrix with m rows; a row passes through
# on its own.

# %%
parameters = solutions.initialize_parameters(n, seed=settings.seed)
a = rows[:4]
print(f"a[0]: {a.shape}")
for layer, (weights, bias) in enumerate(parameters, start=1):
    z = a @ weights + bias
    a = np.maximum(z, 0)
    print(f"W[{layer}]: {weights.shape}, b[{layer}]: {bias.shape}, a[{layer}]: {a.shape}")
probabilities = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)  # the last layer's softmax
print(f"loss before training {-np.log(probabilities[targets[:4] == 1]).mean():.3f}")

# %% [markdown]
# ## Activation functions
#
# Without g the layers would collapse into one: a product of matrices is a matrix.

# %%
names = ["sigmoid", "tanh", "relu", "leaky_relu", "silu"]
drawings.activation_functions(names, figures / "activation_functions.png")

# %% [markdown]
# On the device they differ too. The same small network, untrained, exported once for each
# activation: its integers take the same multiplications, but only ReLU melts into the layer.


# %%
def device_cost(name):
    network = mlp(info.input_shape, info.classes, units=(64, 64), activation=name)
    card = deploy.export(
        network,
        settings.targets[-1],
        out=settings.out / "activations" / name,
        calibration=train_images[:100],
        seed=settings.seed,
        overwrite=True,
        verbose=0,
    )
    operators = ", ".join(f"{count} {operator}" for operator, count in card["ops"].items())
    latency = f"{1000 * card['latency_ms']['median']:.1f} µs"
    return [name, operators, f"{card['size_bytes'] / 1000:.1f} kB", latency]


compared = ["relu", "tanh", "silu"][: settings.epochs]
activation_rows = [["activation", "operators", "model", "latency on this CPU"]]
activation_rows += [device_cost(name) for name in compared]
print(deploy.report.markdown(activation_rows))

# %% [markdown]
# ## Backward propagation
#
# The chain rule from the last layer to the first; each layer needs what forward propagation left
# behind. The first step of gradient descent, in full:

# %%
z, a = solutions.forward(rows, parameters)
gradients = solutions.backward(targets, parameters, z, a)
stepped = [
    (weights - 0.1 * weights_gradient, bias - 0.1 * bias_gradient)
    for (weights, bias), (weights_gradient, bias_gradient) in zip(
        parameters, gradients, strict=True
    )
]
after = solutions.loss(solutions.forward(rows, stepped)[0][-1], targets)
print(f"loss {solutions.loss(z[-1], targets):.4f}, after one step {after:.4f}")

# %% [markdown]
# ## Gradient checking
#
# A derivation may be wrong, a difference quotient cannot. It has a step to choose: too large and
# the function bends within it, too small and the subtraction leaves only rounding.

# %%
x, y = rows[:8, ::4], targets[:8]
widths = [x.shape[1], 5, 4, info.classes]
steps = 10.0 ** np.arange(-12, 0)
drawings.gradient_check(
    steps,
    reference.step_errors(x, y, widths, steps, seed=settings.seed),
    (1, 2, 3, 5),
    reference.backward_differences(x, y, (1, 2, 3, 5), seed=settings.seed),
    figures / "gradient_check.png",
)

# %% [markdown]
# ## Initialisation
#
# Twenty hidden layers of 64 units, one batch, before any training: what comes out at the end, and
# what comes back at the front?

# %%
deep = [features, *[64] * 20, info.classes]
statistics = {
    hidden: {
        kind: experiments.layer_statistics(
            experiments.starting_weights(deep, kind, settings.seed),
            rows[:500],
            targets[:500],
            hidden,
        )
        for kind in drawings.KINDS
    }
    for hidden in ("tanh", "relu")
}
drawings.histograms_by_layer(
    statistics["tanh"], (1, 2, 5, 10, 20), figures / "initialisation_histograms.png"
)
drawings.sizes_by_layer(statistics, figures / "initialisation_layers.png")

# %% [markdown]
# And does it train? The same networks, the same batches, Adam.

# %%
steps_of_training = 500 if settings.epochs is None else 40 * min(settings.epochs, 12)
losses = {
    hidden: {
        kind: experiments.train(
            experiments.starting_weights(deep, kind, settings.seed),
            rows,
            targets,
            steps=steps_of_training,
            learning_rate=1e-3,
            batch_size=64,
            hidden=hidden,
            seed=settings.seed,
        ).losses
        for kind in drawings.KINDS
    }
    for hidden in ("tanh", "relu")
}
drawings.training_by_start(losses, np.log(info.classes), figures / "initialisation_training.png")

# %% [markdown]
# ## Universal approximation
#
# One hidden layer is enough for any continuous function, given enough units: each ReLU bends the
# line once. The polygon through points of the function can be written down without training.


# %%
def wavy(x):
    return np.sin(2 * np.pi * x) + 0.4 * np.sin(7 * np.pi * x)


grid = np.linspace(0, 1, 400)[:, None]
fits = {}
for units in (2, 4, 16, 64):
    knots = np.linspace(0, 1, units + 1)
    polygon = solutions.interpolating_network(knots, wavy(knots))
    # Zero biases would let all units bend at x = 0: they start spread over the line instead.
    (weights, _), last = solutions.initialize_parameters([1, units, 1], seed=settings.seed)
    start = [(weights, -weights[0] * knots[:-1]), last]
    trained = experiments.train(
        start,
        grid,
        wavy(grid),
        steps=4 * steps_of_training,
        learning_rate=0.02,
        output="linear",
        seed=settings.seed,
    )
    fits[units] = {"polygon": polygon, "trained": trained.parameters}
drawings_of_depth.approximations(wavy, fits, figures / "universal_approximation.png")

# %% [markdown]
# ## Shallow against deep
#
# Depth composes. A layer of two ReLUs folds the line in the middle, and each further layer folds
# what is folded already: the pieces double while the parameters grow by six. The best that one
# hidden layer of the same size can do is one bend for each unit.

# %%
folds = (1, 2, 4, 6)
folded = [experiments.sawtooth_network(count) for count in folds]
spread = []
for count in folds:
    knots = np.linspace(0, 1, 2 * count + 1)  # 2 * count units: as many parameters as the deep one
    heights = solutions.forward(knots[:, None], folded[folds.index(count)], output="linear")[1][-1]
    spread.append(solutions.interpolating_network(knots, heights[:, 0]))
ends = np.zeros(1), np.ones(1)
pieces = [
    (experiments.linear_pieces(one, *ends), experiments.linear_pieces(other, *ends))
    for one, other in zip(folded, spread, strict=True)
]
print(f"straight pieces, deep and shallow: {pieces}")
drawings_of_depth.folding(folded, spread, pieces, figures / "folding.png")

# %% [markdown]
# Weights that exist need not be found by training. So: networks of one parameter count, trained
# alike from several seeds, on two wound spirals and on pictures. Each hidden layer of a network
# is as wide as the budget allows.

# %%
hidden_layers = (1, 2, 3, 5, 8)
points = experiments.spirals(1000, seed=settings.seed)
on_spirals = experiments.at_equal_budget(
    points,
    experiments.spirals(4000, seed=settings.seed + 1),
    budget=1000,
    hidden_layers=hidden_layers,
    seeds=range(5),
    steps=3 * steps_of_training,
    learning_rate=0.01,
)
on_pictures = experiments.at_equal_budget(
    (rows, targets),
    (validation_images.reshape(-1, features) / 255, one_hot[validation_classes]),
    budget=32 * (features + 1 + info.classes) + info.classes,  # one hidden layer of 32 units
    hidden_layers=hidden_layers,
    seeds=range(3),
    steps=steps_of_training,
    learning_rate=3e-3,
)
tasks = {"spirals": on_spirals, info.name: on_pictures}
drawings_of_depth.decision_regions(*points, on_spirals, figures / "decision_regions.png")
drawings_of_depth.errors_by_depth(tasks, figures / "shallow_and_deep.png")

# %%
depth_rows = [["data", "hidden layers × units", "parameters", "wrong, mean ± deviation", "pieces"]]
for name, results in tasks.items():
    for result in results:
        mean, deviation = 100 * np.mean(result.errors), 100 * np.std(result.errors)
        row = [name, f"{result.hidden_layers} × {result.width}", f"{result.parameters:,}"]
        row += [f"{mean:.2f} ± {deviation:.2f} %", "–"]
        if name == "spirals":  # along the horizontal line through the middle
            line = np.array([-1.0, 0.0]), np.array([1.0, 0.0])
            counted = [experiments.linear_pieces(network, *line) for network in result.networks]
            row[-1] = f"{np.mean(counted):.0f}"
        depth_rows.append(row)
print(deploy.report.markdown(depth_rows))

# %% [markdown]
# ## The network
#
# Two hidden layers of ReLU, He's initialisation, a softmax. Dropout (session 3) keeps it from
# learning the training pictures by heart.

# %%
model = mlp(info.input_shape, info.classes, units=(512, 256), dropout=0.3)
model.summary()

# %% [markdown]
# ## The run
#
# AdamW, its learning rate falling along a cosine (session 4). `fit` does for each batch what we
# wrote by hand: forward, backward, step.

# %%
batch_size = {"digits": 32}.get(settings.dataset, 256)
epochs = settings.epochs or 25
learning_rate = keras.optimizers.schedules.CosineDecay(
    1e-3, decay_steps=epochs * -(-len(train_images) // batch_size)
)
model.compile(
    optimizer=keras.optimizers.AdamW(learning_rate, weight_decay=0.01),
    loss="sparse_categorical_crossentropy",
    metrics=["accuracy"],
    jit_compile=False,  # on a CPU, XLA makes dense layers slower
)
started = time.perf_counter()
history = model.fit(
    train_images,
    train_classes,
    batch_size=batch_size,
    epochs=epochs,
    validation_data=(validation_images, validation_classes),
    verbose=2,
)
training_seconds = time.perf_counter() - started

# %%
probabilities = model.predict(test_images, verbose=0)
predicted = probabilities.argmax(axis=-1)
test_accuracy = float(np.mean(predicted == test_classes))
print(f"test accuracy {test_accuracy:.2%} after {training_seconds:.0f} s of training")
model.save(settings.out / "model.keras")
plots.learning_curves(history, figures / "learning_curves.png")
plots.confusion_matrix(test_classes, predicted, info.labels, figures / "confusion_matrix.png")
plots.prediction_sheet(
    test_images, test_classes, probabilities, info.labels, figures / "predictions.png"
)

# %% [markdown]
# ## To the device
#
# A dense layer's weights are each used once for a picture, so the device carries many weights for
# little work: flash is what this network needs, not RAM.

# %%
np.savez_compressed(settings.out / "calibration.npz", x=train_images[:384])
np.savez_compressed(settings.out / "test.npz", x=test_images, y=test_classes)
cards = [
    deploy.export(
        settings.out / "model.keras",
        target,
        out=settings.out / "deploy" / target,
        calibration=train_images[:384],
        labels=info.labels,
        test=test,
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
    epochs=epochs,
    parameters=model.count_params(),
    training_seconds=round(training_seconds, 1),
    history=history.history,
    test_accuracy=test_accuracy,
    tables={"activations": activation_rows, "depth": depth_rows},
)
print(deploy.table(cards))

# %% [markdown]
# ## What was learnt
#
# - Forward propagation is one line for each layer, backward propagation two; both work for any L,
#   and finite differences say whether they are right.
# - How a network starts decides whether signals reach its ends: the variance of the weights must
#   fit the number of inputs and the activation.
# - One hidden layer can do everything, given enough units. Depth reuses what is computed already:
#   on functions made by composition that is worth a lot, on small pictures as rows of pixels it
#   is worth nothing that seeds would not hide.
# - On a device a dense network is weights: flash, hardly any RAM.
#
# Now open `exercises.py`: each of these steps is there to be written by hand.
