# %% [markdown]
# # Session 6: convolutional networks
#
# What: a small LeNet-like network reads pictures, is trained in plain sight with `fit`, and goes
# as an int8 model onto a CPU and a microcontroller, where it is measured again.
#
# Why: sharing one small kernel over the whole picture is what makes a network see with few
# weights, and few weights are what fits onto a device.
#
# From a terminal:
#
#     python -m courses run s06                          # 8 x 8 digits, no download: 99 % in 17 s
#     python -m courses run s06 --dataset fashion_mnist  # the real thing, TFDS: 93 % in 10 min
#     python -m courses run s06 --target cpu --target cortex-m --out results/s06
#     python -m courses check s06                        # grades exercises.py
#
# (Right on test data, and time of training on two cores. README.md has the tables.)
#
# The theory behind each step is in README.md, under the same headings.

# %%
from typing import NamedTuple

import keras
import numpy as np
from sklearn.datasets import load_sample_image

import courses
import deploy
import deploy.runtime
from courses.s06_convolutional_networks import plots
from thinkkeras import datasets
from thinkkeras.inspection import receptive_fields
from thinkkeras.models import convnet
from thinkkeras.optimizers import adamw
from thinkkeras.plots import (
    class_samples,
    confusion_matrix,
    feature_maps,
    learned_filters,
    learning_curves,
    prediction_gallery,
)

settings = courses.settings("s06", dataset="digits", targets=("cpu", "cortex-m"))
keras.utils.set_random_seed(settings.seed)
figures = settings.figures
seconds: dict[str, float] = {}


class Recipe(NamedTuple):
    """What a data set asks for."""

    batch_size: int
    epochs: int


RECIPES = {
    "digits": Recipe(batch_size=32, epochs=30),
    "fashion_mnist": Recipe(batch_size=128, epochs=8),
}
recipe = RECIPES.get(settings.dataset, Recipe(batch_size=128, epochs=15))
epochs = settings.epochs or recipe.epochs

# %% [markdown]
# ## The data
#
# Pixels are whole numbers from 0 to 255 and stay so: the model rescales them itself, so that
# training, calibration and device cannot disagree about it.

# %%
(train, validation, test), info = datasets.load(
    settings.dataset, batch_size=recipe.batch_size, seed=settings.seed
)
test_images, test_classes = datasets.as_arrays(test)
print(f"{info.name}: {info.counts}, images of {info.input_shape}, {info.classes} classes")
class_samples(test_images, test_classes, info.class_names, figures / "data.png")

# %% [markdown]
# ## Convolution by hand
#
# One output pixel is one sum: lay the kernel on a window of the picture, multiply what lies on
# each other, add up. The next output pixel is the same sum one step further, with the same
# weights.

# %%
patches = np.lib.stride_tricks.sliding_window_view(test_images[0, :, :, 0], (8, 8))
contrast = patches.std(axis=(2, 3))
patch = patches[np.unravel_index(contrast.argmax(), contrast.shape)]  # the liveliest 8 x 8 pixels
difference = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])  # right less left: Sobel's kernel
row, column = 2, 1
window = patch[row : row + 3, column : column + 3].astype(int)
print(f"{window}\n*\n{difference}\nsums to {(window * difference).sum()}")
plots.one_output_pixel(patch, difference, (row, column), figures / "one_output_pixel.png")

# %% [markdown]
# On a photograph the sums become visible: each kernel answers where the picture looks like it,
# and shows nothing (white) where the picture is flat.

# %%
photograph = load_sample_image("china.jpg")[::2, ::2].mean(axis=-1).astype("float32")
kernels = {
    "vertical edges": difference,
    "horizontal edges": difference.T,
    "diagonal edges": np.array([[0, -1, -2], [1, 0, -1], [2, 1, 0]]),
    "spots": np.array([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]]),
}
stacked = np.stack(list(kernels.values()), axis=-1).astype("float32")  # (3, 3, 4)
# Keras wants (batch, height, width, channels) and (height, width, channels, filters).
responses = keras.ops.conv(photograph[None, :, :, None], stacked[:, :, None, :], padding="same")
plots.kernel_responses(
    photograph,
    stacked,
    keras.ops.convert_to_numpy(responses)[0],
    list(kernels),
    figures / "kernels_by_hand.png",
)

# %% [markdown]
# ## The network
#
# Nobody designs the kernels: they are the weights. `convnet` stacks blocks of convolution, batch
# normalization and ReLU, pools between the stages, and averages the last feature maps into one
# vector.

# %%
model = convnet(info.input_shape, info.classes)
model.summary()

# %% [markdown]
# ### What one output pixel sees
#
# Each layer widens the window of the picture that an output pixel depends on; each pooling also
# doubles the step between neighbours. The last layers should see the whole object.

# %%
stack = receptive_fields(model)
for layer in stack:
    print(
        f"{layer.name:16} {layer.output_shape!s:14} sees {layer.size:3} pixels, steps {layer.jump}"
    )
plots.receptive_fields(stack, info.input_shape[1], figures / "receptive_field.png")

# %% [markdown]
# ## Training
#
# AdamW; the learning rate warms up over the first tenth of the steps and falls along a cosine.

# %%
model.compile(
    optimizer=adamw(steps=epochs * len(train), learning_rate=8e-3, weight_decay=0.05),
    loss="sparse_categorical_crossentropy",
    metrics=["accuracy"],
    jit_compile=False,  # on a CPU, XLA makes convolutions slower
)
with courses.timed(seconds, model.name):
    history = model.fit(
        train,
        validation_data=validation,
        epochs=epochs,
        shuffle=False,  # the pipeline shuffles
        verbose=2,
    )

# %%
_, test_accuracy = model.evaluate(test, verbose=0)
print(f"test accuracy {test_accuracy:.2%} after {seconds[model.name]:.0f} s of training")
model.save(settings.out / "model.keras")

# %% [markdown]
# ## What it learned
#
# The curves say whether to train longer or to regularize more; the confusions say what to look
# at next.

# %%
probabilities = model.predict(test, verbose=0)
predicted = probabilities.argmax(axis=-1)
learning_curves(history, figures / "learning_curves.png")
confusion_matrix(test_classes, predicted, info.class_names, figures / "confusion_matrix.png")
prediction_gallery(
    test_images, test_classes, probabilities, info.class_names, figures / "predictions.png"
)

# %% [markdown]
# Its first kernels, and what each stage makes of one test picture: edges first, then parts, then
# coarse maps whose averages the classifier weighs.

# %%
first_convolution = next(layer for layer in model.layers if hasattr(layer, "kernel_size"))
learned_filters(first_convolution.get_weights()[0], figures / "learned_filters.png")

activations = {
    layer.output.shape[1:3]: layer.output  # the last layer of each size replaces those before
    for layer in model.layers
    if isinstance(layer, keras.layers.Activation)
}
stage_outputs = keras.Model(model.input, list(activations.values()))
stages = [keras.ops.convert_to_numpy(maps)[0] for maps in stage_outputs(test_images[:1])]
feature_maps(test_images[0], stages, figures / "feature_maps.png")

# %% [markdown]
# ## To the device
#
# Calibration runs training pictures through the network to learn the range of each feature map,
# from which its int8 scale and zero point follow. The test pictures are kept for the verdict.
# The two `.npz` files serve the command line:
#
#     python -m deploy export OUT/model.keras --target cpu --calibration OUT/calibration.npz --out …
#     python -m deploy verify OUT/deploy/cpu --data OUT/test.npz

# %%
calibration_images, _ = datasets.as_arrays(train.unbatch().take(384).batch(384))

cards = courses.export(
    settings,
    settings.out / "model.keras",
    calibration=calibration_images,
    class_names=info.class_names,
    test=(test_images, test_classes),
)

# %% [markdown]
# A bundle is all that the device gets. Its runtime needs NumPy and LiteRT, no TensorFlow:

# %%
image_file = settings.out / "image.png"
keras.utils.save_img(image_file, test_images[0], scale=False)
on_device = deploy.runtime.load(settings.out / "deploy" / settings.targets[0])
prediction = on_device.predict(image_file)
print(
    f"the device says {prediction['label']} ({prediction['probabilities'].max():.1%}), "
    f"Keras says {info.class_names[predicted[0]]} ({probabilities[0].max():.1%}), "
    f"it is {info.class_names[test_classes[0]]}"
)

# %% [markdown]
# ## The verdict
#
# Everything measured goes into `metrics.json`; the table is what the session's README shows.

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
)

# %% [markdown]
# ## What was learnt
#
# - A convolution is one small sum repeated over the picture; the repetition is what saves the
#   weights and what makes the answer move along with the object.
# - Kernel, stride, padding and depth decide what an output pixel sees; work it out before training.
# - Most multiply-accumulates sit where the maps are large, most parameters where channels are many.
# - int8 keeps a scale and a zero point for each tensor. Whether that costs accuracy is measured on
#   the device's own interpreter, never assumed.
#
# Now open `exercises.py`: each of these steps is there to be written by hand.
