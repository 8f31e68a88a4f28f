# %% [markdown]
# # Mini-project
#
# What: the network of network.py, trained in plain sight with each seed, beside the baseline, and
# its first seed's on the board.
#
# From a terminal, two folders up:
#
#     python -m courses project run NAME              # all of this script
#     python -m courses project run NAME --epochs 1   # whether it works at all
#     python -m courses project check NAME            # the measurable half of the rubric
#
# Choose on the validation examples. The last two cells open the test set: run them when nothing is
# left to choose.

# %%
import argparse
from pathlib import Path

import keras
import network
import numpy as np
import tensorflow as tf

import deploy
from courses import mini_project
from thinkkeras.optimizers import adamw

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=network.EPOCHS)
epochs = max(1, parser.parse_args().epochs)

# %% [markdown]
# ## The data

# %%
project = mini_project.read_project(Path(__file__).parent)
examples = mini_project.load_examples(project.data, project.reading, project.folder)
print(f"{examples.kind} of {examples.input_shape}; classes {', '.join(examples.class_names)}")
print(f"{len(examples.train.x)} + {len(examples.validation.x)} + {len(examples.test.x)} examples")

# %% [markdown]
# ## Training

# %%
for seed in project.seeds:
    keras.utils.set_random_seed(seed)
    scaling = mini_project.scaling(examples)
    model = network.build(examples.input_shape, len(examples.class_names), scaling)
    if seed == project.seeds[0]:
        model.summary()
    train = tf.data.Dataset.from_tensor_slices(
        (examples.train.x.astype("float32"), examples.train.y)
    )
    train = train.shuffle(len(examples.train.x), seed=seed).batch(network.BATCH_SIZE)
    train = train.map(lambda x, y: (network.augment(x), y)).prefetch(2)
    model.compile(
        adamw(steps=epochs * len(train), learning_rate=network.LEARNING_RATE),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=False,  # on a CPU, XLA makes convolutions slower
    )
    model.fit(
        train,
        validation_data=examples.validation,
        epochs=epochs,
        shuffle=False,  # the pipeline shuffles
        verbose=2,
    )
    project.model(seed).parent.mkdir(exist_ok=True)
    model.save(project.model(seed))

# %% [markdown]
# ## To the board
#
# Calibration takes training examples, in a random order.

# %%
chosen = np.random.default_rng(0).permutation(len(examples.train.x))[:256]
deploy.export(
    project.model(project.seeds[0]),
    project.target,
    out=project.bundle,
    calibration=examples.train.x[chosen],
    class_names=examples.class_names,
    front_end=examples.front_end,
    test=mini_project.test_data(project, examples),
    overwrite=True,
)

# %% [markdown]
# ## The verdict
#
# The tables go into report.md; what they mean is yours to write.

# %%
mini_project.write_tables(project, examples)
