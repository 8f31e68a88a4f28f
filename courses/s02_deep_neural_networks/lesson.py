# %% [markdown]
# # Session 2: deep neural networks
#
# What: forward and backward propagation through any number of layers in NumPy, held against Keras;
# then a network of dense layers, trained with `fit` and deployed as int8.
#
# Why: every network of this course is trained by these two passes. Whoever has written them once
# knows why a deep network that starts badly never learns, and what its layers cost on a device.
#
# From a terminal:
#
#     python -m courses run s02                            # 8 x 8 digits, no download: 97 % in 4 s
#     python -m courses run s02 --dataset fashion_mnist    # the real thing, TFDS: 90 % in 24 s
#     python -m courses check s02                          # grades exercises.py
#
# (Right on test data, and seconds of the final training on two cores. README.md has the tables.)
#
# The theory behind each step is in README.md, under the same headings.

# %%
import keras
import numpy as np

import courses
import deploy
from courses.s02_deep_neural_networks import experiments, plots, references, solutions
from deploy.measure.formatting import markdown
from thinkkeras import datasets
from thinkkeras.models import mlp
from thinkkeras.plots import confusion_matrix, learning_curves, prediction_gallery

settings = courses.settings("s02", dataset="digits", targets=("cpu", "cortex-m"))
keras.utils.set_random_seed(settings.seed)
figures = settings.figures
seconds: dict[str, float] = {}

# Examples in a batch, by data set; 256 for any other.
BATCH_SIZES = {"digits": 32, "fashion_mnist": 256}
batch_size = BATCH_SIZES.get(settings.dataset, 256)
epochs = settings.epochs or 20
# A short run shortens the NumPy experiments as well.
numpy_steps = 40 * min(settings.epochs, 12) if settings.epochs else 500
most_seeds = settings.epochs or 5

# %% [markdown]
# ## The data
#
# Pixels stay whole numbers of 0-255; the network's first layers divide by 255 and flatten. The
# NumPy networks below get such rows ready-made, and classes as one-hot rows.

# %%
pipelines, info = datasets.load(settings.dataset, augment=False, seed=settings.seed)
train, validation, test = map(datasets.as_arrays, pipelines)
print(f"{info.name}: {info.counts}, images of {info.input_shape}, {info.classes} classes")
x, y = experiments.as_rows(*train, info.classes, limit=10_000)
features = x.shape[1]

# %% [markdown]
# ## Notation, and forward propagation
#
# L layers; layer l has n[l] units, weights W[l], biases b[l], sums z[l] and activations a[l]. A
# batch of m examples is a matrix with m rows, and a layer is one line.

# %%
n = [features, 6, 5, info.classes]
plots.notation(n, figures / "notation.png")
parameters = solutions.initialize_parameters(n, seed=settings.seed)
a = x[:4]
for layer, (weights, bias) in enumerate(parameters, start=1):
    z = a @ weights + bias
    a = np.maximum(z, 0)
    print(f"W[{layer}]: {weights.shape}, b[{layer}]: {bias.shape}, a[{layer}]: {a.shape}")
print(f"loss before training {solutions.loss(z, y[:4]):.3f}")  # softmax and cross-entropy in one

# %% [markdown]
# ## Activation functions
#
# Without g the layers would collapse into one: a product of matrices is a matrix.

# %%
plots.activation_functions(solutions.ACTIVATIONS, figures / "activation_functions.png")

# %% [markdown]
# On the device they differ too. The same small network, untrained, exported once for each
# activation: only ReLU melts into the layer.

# %%
activation_rows = experiments.activation_table(
    ["relu", "tanh", "silu"][: settings.epochs],  # one epoch is a trial run: one export
    train[0][:100],
    info.classes,
    settings.targets[-1],
    settings.out / "activations",
    settings.seed,
)
print(markdown(activation_rows))

# %% [markdown]
# ## Backward propagation
#
# The chain rule from the last layer to the first. One step of gradient descent, in full:

# %%
sums, activations = solutions.forward(x, parameters)
gradients = solutions.backward(y, parameters, sums, activations)
stepped = [
    (weights - 0.1 * for_weights, bias - 0.1 * for_bias)
    for (weights, bias), (for_weights, for_bias) in zip(parameters, gradients, strict=True)
]
after = solutions.loss(solutions.forward(x, stepped)[0][-1], y)
print(f"loss {solutions.loss(sums[-1], y):.4f}, after one step {after:.4f}")

# %% [markdown]
# ## Gradient checking
#
# A derivation may be wrong, a difference quotient cannot. It has a step to choose: too large and
# the function bends within it, too small and the subtraction leaves only rounding.

# %%
few = x[:8, ::4], y[:8]
widths = [few[0].shape[1], 5, 4, info.classes]
step_sizes = 10.0 ** np.arange(-12, 0)
plots.gradient_check(
    step_sizes,
    references.step_errors(*few, widths, step_sizes, settings.seed),
    (1, 2, 3, 5),
    references.backward_differences(*few, (1, 2, 3, 5), settings.seed),
    figures / "gradient_check.png",
)

# %% [markdown]
# ## Initialisation
#
# Twenty hidden layers of 64 units, one batch, before any training: what comes out at the end, and
# what comes back at the front?

# %%
deep = [features, *[64] * 20, info.classes]
hidden = ("sigmoid", "tanh", "relu")
batch = x[:500], y[:500]
statistics = experiments.statistics_by_start(deep, *batch, hidden, settings.seed)
plots.histograms_by_layer(
    statistics["tanh"], (1, 2, 5, 10, 20), figures / "initialisation_histograms.png"
)
plots.sizes_by_layer(statistics, figures / "initialisation_layers.png")

# %% [markdown]
# And does it train? The same networks, the same batches, Adam.

# %%
losses = experiments.losses_by_start(deep, x, y, hidden, numpy_steps, settings.seed)
plots.training_by_start(losses, np.log(info.classes), figures / "initialisation_training.png")

# %% [markdown]
# ## Universal approximation
#
# One hidden layer is enough for any continuous function, given enough units: each ReLU bends the
# line once. The polygon through points of the function can be written down without training.


# %%
def wavy(place: np.ndarray) -> np.ndarray:
    return np.sin(2 * np.pi * place) + 0.4 * np.sin(7 * np.pi * place)


fits = experiments.approximations(wavy, (2, 4, 16, 64), 4 * numpy_steps, settings.seed)
plots.approximations(wavy, fits, figures / "universal_approximation.png")

# %% [markdown]
# ## Shallow against deep
#
# Depth composes. A layer of two ReLUs folds the line in the middle, and each further layer folds
# what is folded already: the pieces double while the parameters grow by six. One hidden layer of
# the same size has one bend for each unit: it follows the first teeth, then it has to go straight.

# %%
folds = (1, 2, 4, 6)
folded = [experiments.sawtooth_network(count) for count in folds]
shallow = [experiments.first_teeth_network(count) for count in folds]
pieces = [
    tuple(experiments.linear_pieces(network, np.zeros(1), np.ones(1)) for network in pair)
    for pair in zip(folded, shallow, strict=True)
]
plots.folding(folded, shallow, pieces, figures / "folding.png")

# %% [markdown]
# Weights that exist need not be found by training. So: networks of one parameter count, trained
# alike from several seeds, on two wound spirals and on pictures. Each hidden layer of a network
# is as wide as the budget allows.

# %%
points = experiments.spirals(1000, settings.seed)
on_spirals = experiments.at_equal_budget(
    points,
    experiments.spirals(4000, settings.seed + 1),
    budget=1000,
    hidden_layers=(1, 2, 3, 5, 8),
    seeds=range(min(5, most_seeds)),
    steps=3 * numpy_steps,
    learning_rate=0.01,
)
on_images = experiments.at_equal_budget(
    (x, y),
    experiments.as_rows(*validation, info.classes),
    budget=32 * (features + 1 + info.classes) + info.classes,  # one hidden layer of 32 units
    hidden_layers=(1, 2, 3, 5, 8),
    seeds=range(min(3, most_seeds)),
    steps=numpy_steps,
    learning_rate=3e-3,
)
plots.decision_regions(*points, on_spirals, figures / "decision_regions.png")
tasks = {"spirals": on_spirals, info.name: on_images}
plots.errors_by_depth(tasks, figures / "shallow_and_deep.png")
depth_rows = experiments.depth_table(tasks)
print(markdown(depth_rows))

# %% [markdown]
# ## The run
#
# Two hidden layers of ReLU with batch normalisation (session 4) and dropout (session 3); AdamW and
# a cosine (session 4). `fit` does for each batch what we wrote: forward, backward, step.

# %%
model = mlp(info.input_shape, info.classes, units=(512, 256), batch_normalization=True, dropout=0.3)
model.summary()
steps = epochs * -(-len(train[0]) // batch_size)
learning_rate = keras.optimizers.schedules.CosineDecay(2e-3, steps)
model.compile(
    optimizer=keras.optimizers.AdamW(learning_rate, weight_decay=0.01),
    loss="sparse_categorical_crossentropy",
    metrics=["accuracy"],
    jit_compile=False,  # on a CPU, XLA makes dense layers slower
)
with courses.timed(seconds, model.name):
    history = model.fit(
        *train, batch_size=batch_size, epochs=epochs, validation_data=validation, verbose=2
    )

# %%
probabilities = model.predict(test[0], verbose=0)
predicted = probabilities.argmax(axis=-1)
test_accuracy = float(np.mean(predicted == test[1]))
print(f"test accuracy {test_accuracy:.2%} after {seconds[model.name]:.0f} s of training")
model.save(settings.out / "model.keras")
learning_curves(history, figures / "learning_curves.png")
confusion_matrix(test[1], predicted, info.class_names, figures / "confusion_matrix.png")
prediction_gallery(*test, probabilities, info.class_names, figures / "predictions.png")

# %% [markdown]
# ## To the device
#
# A dense layer's weights are each used once for a picture, so the device carries many weights for
# little work: flash is what this network needs, not RAM.

# %%
cards = courses.export(
    settings,
    settings.out / "model.keras",
    calibration=train[0][:384],
    class_names=info.class_names,
    test=test,
    quantization=deploy.Quantization(tolerance=0.3),
)

# %%
courses.write_metrics(
    settings,
    cards,
    dataset=info.name,
    epochs=epochs,
    parameters=model.count_params(),
    training_seconds=round(seconds[model.name], 1),
    history=history.history,
    test_accuracy=test_accuracy,
    tables={"activations": activation_rows, "depth": depth_rows},
)

# %% [markdown]
# ## What was learnt
#
# - Forward propagation is one line for each layer, backward propagation two; both work for any L,
#   and finite differences say whether they are right.
# - How a network starts decides whether signals reach its ends: the variance of the weights must
#   fit the number of inputs and the activation.
# - One hidden layer can do everything, given enough units. Depth reuses what is computed already:
#   worth much on functions made by composition, nothing on these rows of pixels.
# - On a device a dense network is weights: flash, hardly any RAM.
#
# Now open `exercises.py`: each of these steps is there to be written by hand.
