# %% [markdown]
# # Session 4: optimisation strategies
#
# What: the same small network is trained by every rule from plain gradient descent to AdamW, its
# learning rate found by a range test and steered by schedules, its hyper-parameters searched for;
# the best of it all goes as an int8 model onto a CPU and a microcontroller.
#
# Why: the optimizer decides whether a network learns in a minute, in an hour or not at all, and
# the learning rate decides it more than anything else.
#
# From a terminal:
#
#     python -m courses run s04                          # 8 x 8 digits, no download: 96 % in 4 s
#     python -m courses run s04 --dataset fashion_mnist  # the real thing, TFDS: 90 % in 13 s
#     python -m courses check s04                        # grades exercises.py
#
# (Right on test data, and seconds of the final training on two cores. README.md has the tables.)
#
# The theory behind each step is in README.md, under the same headings.

# %%
from typing import Any, NamedTuple

import keras
import numpy as np

import courses
import deploy
from courses.s04_optimisation import experiments, plots, references
from deploy.measure.formatting import markdown
from thinkkeras import datasets
from thinkkeras.callbacks import LearningRateFinder, TimedEvaluation
from thinkkeras.models import mlp
from thinkkeras.plots import learning_curves

settings = courses.settings("s04", dataset="digits", targets=("cpu", "cortex-m"))
keras.utils.set_random_seed(settings.seed)
figures = settings.figures
seconds: dict[str, float] = {}


class Recipe(NamedTuple):
    """What a data set asks for."""

    batch_size: int
    target: float  # validation accuracy, to be reached in the race
    search_epochs: int  # of each trial of the search
    epochs: int  # of the final training


RECIPES = {
    "digits": Recipe(32, target=0.95, search_epochs=3, epochs=25),
    "fashion_mnist": Recipe(128, target=0.88, search_epochs=4, epochs=12),
}
recipe = RECIPES.get(settings.dataset, Recipe(128, target=0.5, search_epochs=4, epochs=20))
SGD, AdamW = keras.optimizers.SGD, keras.optimizers.AdamW

# %% [markdown]
# ## The data
#
# Arrays this time: a step of a small dense network takes less time than a pipeline for its batch.
# Experiments that would last too long on all of the training pictures look at 2,000 of them.
# Everything is chosen on the validation pictures; the test pictures wait.

# %%
batch_size = recipe.batch_size
splits, info = datasets.load(settings.dataset, batch_size=batch_size, augment=False)
(x, y), validation, (test_x, test_y) = map(datasets.as_arrays, splits)
few_x, few_y = x[:2000], y[:2000]
few = {"x": few_x, "y": few_y, "batch_size": 32, "verbose": 0}
every = {"x": x, "y": y, "batch_size": batch_size, "verbose": 0}
judged = {"validation_data": validation, "validation_batch_size": 1000}
steps_per_epoch = -(-len(x) // batch_size)
print(f"{info.name}: {info.counts}, images of {info.input_shape}, {info.classes} classes")


def network(**options: Any) -> keras.Model:
    """The network of the experiments, always with the same first weights."""
    keras.utils.set_random_seed(settings.seed)
    return mlp(info.input_shape, info.classes, **{"units": (128, 64)} | options)


def at_most(epochs: int) -> int:
    """An experiment's epochs, or fewer where the command line asks for fewer."""
    return min(epochs, settings.epochs or epochs)


network().summary()

# %% [markdown]
# ## 1. Batch, mini-batch and stochastic gradient descent
#
# The same rate, the same pictures; only how many of them are asked before the weights move.

# %%
curves, model = {}, experiments.compiled(network(), SGD(0.03))
first = model.get_weights()
for size, wanted in ((len(few_x), 20), (32, 20), (1, 2)):
    experiments.start_anew(model, first, 0.03, settings.seed)
    steps_in_epoch, epochs = -(-len(few_x) // size), at_most(wanted)
    watch = TimedEvaluation(few_x, few_y, every=max(1, epochs * steps_in_epoch // 40))
    model.fit(**few | {"batch_size": size}, epochs=epochs, callbacks=[watch])
    curves[size] = np.array(watch.steps) / steps_in_epoch, watch.seconds, watch.losses
plots.batch_sizes(curves, figures / "batch_sizes.png")

# %% [markdown]
# ## 2. Momentum, Nesterov, RMSprop, Adam, AdamW
#
# Each rule is a few lines of NumPy, and an exercise. `references.py` names them all; here they run
# side by side with Keras's optimizers, on the same random gradients.

# %%
agreement = references.agreement_table(settings.seed)
print(markdown(agreement))

# %% [markdown]
# ## 3. Trajectories on loss surfaces
#
# Two weights, so that the whole surface can be drawn: a valley 100 times steeper across than
# along, Rosenbrock's bent valley, and a saddle. Each rule walks at a rate that suits it; on
# the saddle all walk at the same one.

# %%
walkers = [name for name in references.RULES if name != "AdamW"]  # nothing to decay here
walks = [(at, {name: references.walk(name, at) for name in walkers}) for at in references.SURFACES]
plots.trajectories(walks, figures / "trajectories.png")

# %% [markdown]
# ## 4. Finding the learning rate
#
# A range test: one short fit in which the rate grows from step to step, until the loss explodes.
# A tenth of the rate at which the loss was lowest is where to begin.

# %%
finders, models = {}, {}
for name, optimizer in references.OPTIMIZERS.items():
    models[name] = experiments.compiled(network(), optimizer(0.001))
    finders[name] = LearningRateFinder()
    epochs = finders[name].epochs(len(x), batch_size)
    models[name].fit(**every, epochs=epochs, callbacks=[finders[name]])
    print(f"{name:9} begin with {finders[name].suggestion:.2g}")
plots.range_tests(finders, figures / "learning_rate_finder.png")

# %% [markdown]
# ## 5. Time to accuracy
#
# A fair race lets every optimizer have its own rate: a third of the finder's, that itself, three
# and ten times it are tried for a few epochs each; the lowest validation loss wins. Then all start
# again from the same weights. The clock counts training alone.

# %%
target = recipe.target
race = [["optimizer", "learning rate", f"epochs to {target:.0%}", "seconds", "accuracy at the end"]]
rates, watches = {}, {}
factors = [1, 3] if settings.epochs == 1 else [1 / 3, 1, 3, 10]  # a trial run tries two
for name, model in models.items():
    candidates = finders[name].suggestion * np.array(factors)
    trial = every | {"epochs": at_most(2)}
    rates[name] = experiments.best_rate(model, candidates, trial, validation, settings.seed)
    watch = watches[name] = TimedEvaluation(*validation, every=max(1, steps_per_epoch // 2))
    model.fit(**every, epochs=at_most(10), callbacks=[watch])
    race.append(experiments.race_row(name, rates[name], watch, target, steps_per_epoch))
print(markdown(race))
plots.races(watches, target, steps_per_epoch, figures / "time_to_accuracy.png")

# %% [markdown]
# ## 6. Learning-rate schedules
#
# Far from the minimum large steps are good, close to it small ones. The same peak for all.

# %%
epochs = at_most(10)
steps, peak = epochs * steps_per_epoch, rates["Nesterov"]
plans = experiments.schedules(peak, steps)
histories = {}
for name, plan in plans.items():
    model = experiments.compiled(network(), SGD(plan, momentum=0.9, nesterov=True))
    histories[name] = model.fit(**every, **judged, validation_freq=epochs, epochs=epochs).history
plots.schedules(plans, histories, steps, figures / "schedules.png")

# %% [markdown]
# ## 7. Batch normalisation
#
# With and without it, at rates a thousand times apart.

# %%
accuracies: dict[str, dict[float, float]] = {"without": {}, "with batch normalisation": {}}
for name, found in accuracies.items():
    model = experiments.compiled(network(batch_normalization=name != "without"), SGD(0.01))
    first = model.get_weights()
    for rate in (0.003, 0.03, 0.3, 3.0):
        experiments.start_anew(model, first, rate, settings.seed)
        model.fit(**few, epochs=at_most(4))
        _, found[rate] = model.evaluate(*validation, batch_size=1000, verbose=0)
plots.accuracy_by_rate(accuracies, figures / "batch_normalization.png")

# %% [markdown]
# ## 8. Gradient clipping
#
# Six hidden layers, momentum and a rate that is too high: one steep place throws the weights far
# away. A clipped gradient cannot.

# %%
clipped = {}
for clipping in ({}, {"clipvalue": 0.1}, {"clipnorm": 1.0}, {"global_clipnorm": 1.0}):
    name = " ".join(f"{way}={limit}" for way, limit in clipping.items()) or "not clipped"
    model = experiments.compiled(network(units=(64,) * 6), SGD(0.2, momentum=0.9, **clipping))
    clipped[name] = TimedEvaluation(few_x, few_y, every=10)
    model.fit(**few, epochs=at_most(4), callbacks=[clipped[name]])
plots.clipping(clipped, figures / "gradient_clipping.png")

# %% [markdown]
# ## 9. Mixed precision
#
# Products in 16 bits, weights kept in 32: what GPUs and TPUs have units for. And this CPU? The
# policy holds while the network is built and is put back at once; the softmax stays in float32.

# %%
precision = [["dtype policy", "optimizer", "fastest epoch, seconds", "accuracy"]]
for policy in ("float32", "mixed_bfloat16", "mixed_float16"):
    model = experiments.in_precision(policy, network, units=(512, 256))
    experiments.compiled(model, keras.optimizers.Adam(rates["Adam"]))
    watch, epochs = TimedEvaluation(*validation, every=steps_per_epoch), at_most(4)
    model.fit(**every, epochs=epochs, callbacks=[watch])
    took, right = f"{np.diff(watch.seconds).min():.2f}", f"{watch.accuracies[-1]:.1%}"
    precision.append([policy, type(model.optimizer).__name__, took, right])
print(markdown(precision))

# %% [markdown]
# ## 10. Hyper-parameter search
#
# Eight random combinations of learning rate, width and weight decay, a few epochs each on a part
# of the training pictures, judged on the validation pictures.

# %%
build = experiments.search_space(network)
tuner = experiments.random_search(
    build, settings.out / "tuner", settings.seed, trials=at_most(4) * 2
)
part = every | {"x": x[:10000], "y": y[:10000]}
tuner.search(**part, **judged, epochs=at_most(recipe.search_epochs))
trials = [t.hyperparameters.values | {"loss": t.score} for t in tuner.oracle.get_best_trials(8)]
best = trials[0]
print(", ".join(f"{name} {value:.3g}" for name, value in best.items()))
plots.search(trials, figures / "search.png")

# %% [markdown]
# ## 11. The run
#
# The choices of the search, a warm-up and a cosine, all training pictures.

# %%
epochs = settings.epochs or recipe.epochs
steps = epochs * steps_per_epoch
falling = experiments.schedules(best["learning_rate"], steps)["warm-up and cosine"]
units = (best["units"], best["units"] // 2)
model = network(units=units, batch_normalization=True, dropout=0.2)
experiments.compiled(model, AdamW(falling, weight_decay=best["weight_decay"]))
with courses.timed(seconds, model.name):
    history = model.fit(**every | {"verbose": 2}, **judged, epochs=epochs)

# %%
_, test_accuracy = model.evaluate(test_x, test_y, verbose=0)
print(f"test accuracy {test_accuracy:.2%} after {seconds[model.name]:.0f} s of training")
model.save(settings.out / "model.keras")
learning_curves(history, figures / "learning_curves.png")

# %% [markdown]
# ## 12. To the device
#
# Of all that this session was about, nothing is left on the device: momentum, decay and schedule
# end with the training, and batch normalisation melts into the dense layers.

# %%
cards = courses.export(
    settings,
    settings.out / "model.keras",
    calibration=x[:384],
    class_names=info.class_names,
    test=(test_x, test_y),
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
    tables={"agreement": agreement, "race": race, "precision": precision},
)

# %% [markdown]
# ## What was learnt
#
# - Mini-batches buy many cheap, noisy steps for the price of one exact one.
# - Momentum adds up what successive gradients agree on; RMSprop gives each weight its own rate;
#   Adam does both, AdamW keeps weight decay out of it. Each is a few lines.
# - The learning rate matters more than the rule. Look for it first, then let it fall.
# - Normalisation and clipping widen the range of rates that work. 16 bits are fast only where
#   the hardware has units for them.
# - A search is judged on validation pictures, and the test pictures are used once.
#
# Now open `exercises.py`: each of these steps is there to be written by hand.
