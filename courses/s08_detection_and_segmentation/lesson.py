# %% [markdown]
# # Session 8: detection and segmentation
#
# What: one small backbone learns to answer four questions about a picture: is there a balloon,
# which pixels are balloon, where is each balloon, and which pixels belong to each. All four
# networks are trained in plain sight with `fit`, go onto a device as int8, and are measured there.
#
# Why: counting seven balloons is what a user wants; the network gives thousands of numbers. The
# session is about the way between.
#
# From a terminal:
#
#     python -m courses run s08                    # drawn balloons, no download: 85 % in 22 min
#     python -m courses run s08 --dataset bccd     # cells; any TFDS set with boxes: 81 % in 55 min
#     python -m courses run s08 --dataset balloon  # scenes, then photographs: 61 % in 27 min more
#     python -m deploy.runtime run runs/s08/deploy/cpu/instance photo.jpg --draw prediction.png
#     python -m courses check s08                  # grades exercises.py
#
# (AP50 on test data, of masks where there are any, else of boxes, and minutes of training on two
# cores. README.md has the tables.)
#
# The theory behind each step is in README.md.

# %%
from typing import Any

import keras

import courses
import deploy
import deploy.runtime
from courses.s08_detection_and_segmentation import experiments, plots
from courses.s08_detection_and_segmentation.experiments import Recipe
from deploy.measure.formatting import markdown
from deploy.tasks.predictions import LEAST_SCORE
from thinkkeras import datasets
from thinkkeras.detection import DetectorTrainer
from thinkkeras.losses import sparse_dice
from thinkkeras.models import residual_net, unet, yolact_tiny, yolo_tiny
from thinkkeras.optimizers import adamw
from thinkkeras.plots import learning_curves

settings = courses.settings("s08", dataset="balloon_scenes", targets=("cpu", "ethos-u55-128"))
keras.utils.set_random_seed(settings.seed)
figures = settings.figures

RECIPES = {
    "balloon_scenes": Recipe(
        image_size=(256, 256),
        learning_rate=4e-3,
        epochs={"classifier": 4, "semantic": 1, "detector": 4, "instance": 2},
        augment=False,
        examples=7200,
    ),
    "balloon": Recipe(
        image_size=(320, 320),
        learning_rate=1e-3,
        epochs={"classifier": 20, "semantic": 80, "detector": 80, "instance": 100},
        scenes_first=True,
    ),
}
# Any other set with boxes, `bccd` for one.
BOXES_ALONE = Recipe(
    image_size=(320, 416),
    learning_rate=4e-3,
    images_seen={"classifier": 2_000, "detector": 28_000},
    masks=False,
    examples=28_000,
)
recipe = RECIPES.get(settings.dataset, BOXES_ALONE)

# %% [markdown]
# ## The data
#
# Drawn scenes cost nothing, so there are many, and none is changed. Photographs are few: each epoch
# shows them in other sizes, crops, mirrorings and colours, boxes and masks along with them. Sets
# without masks, such as `bccd`, go as far as detection. A short run of `--epochs` draws a hundred
# scenes for each epoch, and looks at forty pictures to validate and to test.

# %%
options: dict[str, Any] = {"batch_size": 8, "image_size": recipe.image_size, "masks": recipe.masks}
examples = recipe.examples
if settings.epochs and examples:
    examples = min(examples, 100 * settings.epochs)
(train, validation, test), info = datasets.load_detection(
    settings.dataset, augment=recipe.augment, examples=examples, seed=settings.seed, **options
)
if settings.epochs:
    validation, test = validation.take(5), test.take(5)  # batches
input_shape, classes = (*info.image_size, 3), len(info.class_names)
epochs = experiments.epochs_by_network(recipe, info.counts["train"], settings.epochs)
print(f"{info.name}: {info.counts}, classes {info.class_names}, {info.max_boxes} boxes at most")
train_examples = experiments.gather(train.take(125), masks=False)
validation_examples, test_examples = map(experiments.gather, (validation, test))
(augmented, _, _), _ = datasets.load_detection(settings.dataset, examples=8, **options)
plots.data_sheet(test, info.class_names, figures / "data.png")
plots.data_sheet(augmented, info.class_names, figures / "augmentation.png")

# %% [markdown]
# 55 photographs are too few to begin with: on `balloon` each network continues from what it
# learned in a run on scenes (`OUT/scenes`, kept for the next time).

# %%
scenes = experiments.scenes_first(settings) if recipe.scenes_first else None
seconds: dict[str, float] = {}
histories = {}


def begin(model: keras.Model, name: str) -> keras.Model:
    """The model, with what it learned on scenes where there was such a run."""
    if scenes is not None:
        model.load_weights(scenes / f"{name}.keras")
    return model


def optimizer(steps: int) -> keras.Optimizer:
    """AdamW with warm-up, cosine and averaged weights, alike for all networks."""
    return adamw(
        steps,
        recipe.learning_rate,
        alpha=0.02,
        weight_decay=0.02,
        clipnorm=10.0,
        ema_momentum=0.99,
    )


# %% [markdown]
# ## Classification: is there a balloon?
#
# The backbone, the strongest answer of each feature anywhere, one probability. It learns on the
# quarters of the pictures, because hardly any whole picture shows nothing at all.

# %%
asked = experiments.most_uncertain_class(train_examples.ground_truth, classes)
quarters = {
    "train": experiments.quarters(train_examples.images, train_examples.ground_truth, asked),
    "validation": experiments.quarters(
        validation_examples.images, validation_examples.ground_truth, asked
    ),
    "test": experiments.quarters(test_examples.images, test_examples.ground_truth, asked),
}
print({s: f"{len(y)} quarters, {y.mean():.0%} positive" for s, (_, y) in quarters.items()})

backbone = residual_net((input_shape[0] // 2, input_shape[1] // 2, 3))
x = keras.layers.MaxPooling2D(backbone.output.shape[1:3], name="anywhere")(backbone.output)
x = keras.layers.Flatten(name="features")(x)
x = keras.layers.Dense(1, activation="sigmoid", name="probability")(x)
classifier = begin(keras.Model(backbone.input, x, name="classifier"), "classifier")
classifier.compile(
    optimizer(epochs["classifier"] * len(quarters["train"][0]) // 32),
    loss="binary_crossentropy",
    metrics=["accuracy"],
    jit_compile=False,
)
with courses.timed(seconds, "classifier"):
    histories["classifier"] = classifier.fit(
        *quarters["train"],
        validation_data=quarters["validation"],
        batch_size=32,
        epochs=epochs["classifier"],
        verbose=2,
    )
classifier.save(settings.out / "classifier.keras")

# %% [markdown]
# ## Semantic segmentation: which pixels are balloon?
#
# A U-Net on a copy of that backbone. The Dice loss counts overlap, not pixels, so that the many
# pixels of the background don't drown the few of a small balloon; the crossentropy beside it keeps
# the gradient of every pixel alive.


# %%
def dice_and_crossentropy(true: Any, predicted: Any) -> Any:
    crossentropy = keras.losses.sparse_categorical_crossentropy(true, predicted)
    return sparse_dice(true, predicted) + keras.ops.mean(crossentropy)


trunk = residual_net(input_shape)
trunk.set_weights(backbone.get_weights())
if recipe.masks:
    semantic = unet(input_shape, classes + 1, backbone=trunk, filters=(24, 32, 48), output_stride=4)
    semantic = begin(semantic, "semantic")
    semantic.compile(
        optimizer(epochs["semantic"] * len(train)),
        loss=dice_and_crossentropy,
        metrics=[keras.metrics.MeanIoU(classes + 1, sparse_y_pred=False, name="mean_iou")],
        jit_compile=False,
    )
    with courses.timed(seconds, "semantic"):
        histories["semantic"] = semantic.fit(
            train.map(experiments.with_label_maps),
            validation_data=validation.map(experiments.with_label_maps),
            epochs=epochs["semantic"],
            shuffle=False,
            verbose=2,
        )
    semantic.save(settings.out / "semantic.keras")

# %% [markdown]
# ## Object detection: where is each balloon?
#
# `yolo_tiny` on a copy of the trunk: three grids, of which every location answers for itself. Which
# location learns which balloon depends on what all of them answer, so the losses sit in a trainer
# around the detector; `fit` shows them one by one.

# %%
own_trunk = residual_net(input_shape)
own_trunk.set_weights(trunk.get_weights())
detector = begin(yolo_tiny(input_shape, classes, backbone=own_trunk), "detector")
trainer = DetectorTrainer(detector)
trainer.compile(optimizer(epochs["detector"] * len(train)), jit_compile=False)
with courses.timed(seconds, "detector"):
    histories["detector"] = trainer.fit(
        train.map(experiments.with_boxes),
        validation_data=validation.map(experiments.with_boxes),
        epochs=epochs["detector"],
        shuffle=False,
        verbose=2,
    )
detector.save(settings.out / "detector.keras")

# %% [markdown]
# ## Instance segmentation: which pixels belong to each balloon?
#
# The trained detector, copied, and two branches: prototypes of masks, and coefficients to mix them.

# %%
network, main = detector, "detector"
if recipe.masks:
    copy = keras.models.clone_model(detector)
    copy.set_weights(detector.get_weights())
    network, main = begin(yolact_tiny(input_shape, classes, detector=copy), "instance"), "instance"
    trainer = DetectorTrainer(network)
    trainer.compile(
        optimizer(epochs["instance"] * len(train)),
        jit_compile=False,
    )
    with courses.timed(seconds, "instance"):
        histories["instance"] = trainer.fit(
            train.map(experiments.with_masks),
            validation_data=validation.map(experiments.with_masks),
            epochs=epochs["instance"],
            shuffle=False,
            verbose=2,
        )
    network.save(settings.out / "instance.keras")

# %% [markdown]
# ## How good are they?
#
# A description tells how numbers become boxes; it will go into the bundle. Its thresholds are
# chosen on validation data: suppression's for the highest AP50, the score's where precision and
# recall balance, and so do the objects counted too many and too few.

# %%
description = experiments.describe_with_thresholds(network, validation_examples)
predictions = list(
    deploy.predict(
        network,
        test_examples.images,
        task=description,
        class_names=info.class_names,
        score_threshold=LEAST_SCORE,  # average precision counts what a device would not show
    )
)
results = experiments.result_table(
    test_examples.ground_truth, predictions, info.class_names, description["score_threshold"]
)
print(markdown(results))
learning_curves(histories[main], figures / "learning_curves.png")
plots.detection_figures(network, description, test_examples, predictions, info.class_names, figures)
if recipe.masks:
    maps = semantic.predict(test_examples.images, batch_size=8, verbose=0).argmax(axis=-1)
    plots.mask_figures(
        classifier,
        network,
        description,
        test_examples,
        predictions,
        maps,
        info.class_names,
        figures,
    )

# %% [markdown]
# ## To the device
#
# Boxes and scores leave the graph as separate tensors, each with its own scale; what becomes of
# them is NumPy on the device. The softmax stays behind: the likeliest class is the same without.


# %%
# Where a network loses more, the operators that cost it are looked for. That takes minutes, and
# says nothing of networks that have hardly learned.
tolerance = 100.0 if settings.epochs == 1 else 0.5
quantization = deploy.Quantization(tolerance=tolerance)
calibration = train_examples.images[:256]
detector_description = description
if network is not detector:
    detector_description = experiments.describe_with_thresholds(detector, validation_examples)
cards = {
    "classifier": courses.export(
        settings,
        classifier,
        "classifier",
        quantization=quantization,
        calibration=quarters["train"][0][:256],
        class_names=[f"no {info.class_names[asked]}", info.class_names[asked]],
        test=quarters["test"],
    ),
    "detector": courses.export(
        settings,
        detector,
        "detector",
        quantization=quantization,
        calibration=calibration,
        class_names=info.class_names,
        task=detector_description,
        test=deploy.TestData(
            test_examples.images,
            test_examples.ground_truth,
            metric=experiments.ap50(info.class_names),
        ),
    ),
}
if recipe.masks:
    cards["semantic"] = courses.export(
        settings,
        keras.Model(semantic.input, semantic.get_layer("logits").output, name="semantic"),
        "semantic",
        quantization=quantization,
        calibration=calibration,
        class_names=["background", *info.class_names],
        task="semantic_segmentation",
        test=deploy.TestData(
            test_examples.images, test_examples.label_maps, metric=experiments.mean_iou
        ),
    )
    cards["instance"] = courses.export(
        settings,
        network,
        "instance",
        quantization=quantization,
        calibration=calibration,
        class_names=info.class_names,
        task=description,
        test=deploy.TestData(
            test_examples.images,
            test_examples.ground_truth,
            metric=experiments.ap50(info.class_names, masks=True),
        ),
    )

# %% [markdown]
# The device, with NumPy and LiteRT alone, looks at a picture file and counts:

# %%
image_file = settings.out / "image.png"
keras.utils.save_img(image_file, test_examples.images[0], scale=False)
on_device = deploy.runtime.load(settings.out / "deploy" / settings.targets[0] / main)
counted = len(on_device.predict(image_file)["boxes"])
print(f"the device counts {counted}, there are {len(test_examples.ground_truth[0]['boxes'])}")

# %%
courses.write_metrics(
    settings,
    cards[main],
    dataset=info.name,
    asked_epochs=settings.epochs,
    epochs=epochs[main],
    parameters=network.count_params(),
    training_seconds=round(sum(seconds.values()), 1),
    seconds={name: round(duration, 1) for name, duration in seconds.items()},
    history=histories[main].history,
    tables={"tasks": experiments.task_table(cards), "results": results},
)
network.save(settings.out / "model.keras")

# %% [markdown]
# ## What was learnt
#
# - One trunk answers four questions; what differs is the few layers behind it, the loss, and what
#   a label costs.
# - A detector is a classifier and a regressor at each location of a grid. Which location learns
#   which object decides more than the network does.
# - Average precision asks for the right boxes in the right order; a user asks for the count.
# - The graph ends in numbers of 0 to 1 with scales of their own; boxes, suppression and masks are
#   the runtime's, in NumPy, the same on every device.
#
# Now open `exercises.py`.
