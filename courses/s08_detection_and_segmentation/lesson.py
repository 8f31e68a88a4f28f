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
#     python -m courses run s08                     # drawn scenes of balloons, no download
#     python -m courses run s08 --dataset bccd      # blood cells; any TFDS set with boxes, by name
#     python -m courses run s08 --dataset balloon   # scenes first, then photographs
#     python -m deploy.runtime run runs/s08/deploy/cpu/instance photo.jpg --draw answer.png
#     python -m courses check s08                   # grades exercises.py
#
# The theory behind each step is in README.md.

# %%
from typing import Any

import keras

import courses
import deploy.report
import deploy.runtime
from courses.s08_detection_and_segmentation import evaluation, pictures, recipe
from thinkkeras import datasets, plots
from thinkkeras.detector_training import DetectorTrainer
from thinkkeras.losses import sparse_dice
from thinkkeras.models import residual_net, unet, yolact_tiny, yolo_tiny

settings = courses.settings("s08", dataset="balloon_scenes", targets=("cpu", "ethos-u55-128"))
keras.utils.set_random_seed(settings.seed)
figures = settings.out / "figures"

# %% [markdown]
# ## The data
#
# Drawn scenes cost nothing, so there are many (fewer for a short run of `--epochs`), and none is
# changed. Photographs are few: each epoch shows them in other sizes, crops, mirrorings and colours,
# boxes and masks along with them. Sets without masks, such as `bccd`, go as far as detection.

# %%
plan = recipe.PLANS.get(settings.dataset, recipe.BOXES_ALONE)
options: dict[str, Any] = {"batch_size": 8, "image_size": plan.image_size, "masks": plan.masks}
examples = None if settings.epochs else plan.examples
(train, validation, test), info = datasets.load_detection(
    settings.dataset, augment=plan.augment, examples=examples, seed=settings.seed, **options
)
input_shape, classes = (*info.image_size, 3), len(info.labels)
epochs = recipe.epochs(plan, info.counts["train"], settings.epochs)
print(f"{info.name}: {info.counts}, classes {info.labels}, up to {info.max_boxes} boxes a picture")
trained = evaluation.gather(train.take(125), masks=False)
validated, tested = evaluation.gather(validation), evaluation.gather(test)
(changed, _, _), _ = datasets.load_detection(settings.dataset, examples=8, **options)
pictures.of_data(figures / "data.png", test, info.labels)
pictures.of_data(figures / "augmentation.png", changed, info.labels)

# %% [markdown]
# 55 photographs are too few to begin with: on `balloon` each network continues from what it
# learned in a run on scenes (`OUT/scenes`, kept for the next time).

# %%
scenes = recipe.scenes_first(settings) if plan.scenes_first else None
seconds: dict[str, float] = {}
histories = {}


def begin(model: keras.Model, name: str) -> keras.Model:
    """The model, with what it learned on scenes where there was such a run."""
    if scenes is not None:
        model.load_weights(scenes / f"{name}.keras")
    return model


# %% [markdown]
# ## Classification: is there a balloon?
#
# The backbone, the strongest answer of each feature anywhere, one probability. It learns on the
# quarters of the pictures, because hardly any whole picture shows nothing at all.

# %%
asked = evaluation.most_uncertain_class(trained.truths, classes)
quarters = {
    split: evaluation.quarters(pictures.images, pictures.truths, asked)
    for split, pictures in (("train", trained), ("validation", validated), ("test", tested))
}
print({s: f"{len(y)} quarters, {y.mean():.0%} positive" for s, (_, y) in quarters.items()})

backbone = residual_net((input_shape[0] // 2, input_shape[1] // 2, 3))
x = keras.layers.MaxPooling2D(backbone.output.shape[1:3], name="anywhere")(backbone.output)
x = keras.layers.Flatten(name="features")(x)
x = keras.layers.Dense(1, activation="sigmoid", name="probability")(x)
classifier = begin(keras.Model(backbone.input, x, name="classifier"), "classifier")
classifier.compile(
    recipe.optimizer(epochs["classifier"] * len(quarters["train"][0]) // 32, plan.learning_rate),
    loss="binary_crossentropy",
    metrics=["accuracy"],
    jit_compile=False,
)
with recipe.timed(seconds, "classifier"):
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
if plan.masks:
    semantic = unet(input_shape, classes + 1, backbone=trunk, filters=(24, 32, 48), output_stride=4)
    semantic = begin(semantic, "semantic")
    semantic.compile(
        recipe.optimizer(epochs["semantic"] * len(train), plan.learning_rate),
        loss=dice_and_crossentropy,
        metrics=[keras.metrics.MeanIoU(classes + 1, sparse_y_pred=False, name="mean_iou")],
        jit_compile=False,
    )
    with recipe.timed(seconds, "semantic"):
        histories["semantic"] = semantic.fit(
            train.map(evaluation.mapped),
            validation_data=validation.map(evaluation.mapped),
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
trainer.compile(
    recipe.optimizer(epochs["detector"] * len(train), plan.learning_rate), jit_compile=False
)
with recipe.timed(seconds, "detector"):
    histories["detector"] = trainer.fit(
        train.map(evaluation.boxed),
        validation_data=validation.map(evaluation.boxed),
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
if plan.masks:
    copy = keras.models.clone_model(detector)
    copy.set_weights(detector.get_weights())
    network, main = begin(yolact_tiny(input_shape, classes, detector=copy), "instance"), "instance"
    trainer = DetectorTrainer(network)
    trainer.compile(
        recipe.optimizer(epochs["instance"] * len(train), plan.learning_rate), jit_compile=False
    )
    with recipe.timed(seconds, "instance"):
        histories["instance"] = trainer.fit(
            train.map(evaluation.masked),
            validation_data=validation.map(evaluation.masked),
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
described = evaluation.described(network, validated)
found = evaluation.answers(network, tested.images, described)
threshold = described["score_threshold"]
results = evaluation.table_of_results(tested.truths, found, info.labels, threshold)
print(deploy.report.markdown(results))
plots.learning_curves(histories[main], figures / "learning_curves.png")
pictures.of_detection(figures, network, described, tested, found, info.labels)
if plan.masks:
    maps = semantic.predict(tested.images, batch_size=8, verbose=0).argmax(axis=-1)
    pictures.of_masks(figures, classifier, network, described, tested, found, maps, info.labels)

# %% [markdown]
# ## To the device
#
# Boxes and scores leave the graph as separate tensors, each with its own scale; what becomes of
# them is NumPy on the device. The softmax stays behind: the likeliest class is the same without.

# %%
pixels = {"calibration": trained.images[:256], "labels": info.labels}
boxes = pixels | {"test": (tested.images, tested.truths)}
roads = {
    "classifier": {
        "model": classifier,
        "calibration": quarters["train"][0][:256],
        "test": quarters["test"],
        "labels": [f"no {info.labels[asked]}", info.labels[asked]],
    },
    "detector": boxes
    | {
        "model": detector,
        "detector": described if network is detector else evaluation.described(detector, validated),
        "metric": evaluation.ap50(info.labels),
    },
}
if plan.masks:
    roads["semantic"] = pixels | {
        "model": keras.Model(semantic.input, semantic.get_layer("logits").output, name="semantic"),
        "task": "segmentation",
        "test": (tested.images, tested.maps),
        "metric": evaluation.mean_iou,
        "labels": ["background", *info.labels],
    }
    roads["instance"] = boxes | {
        "model": network,
        "detector": described,
        "metric": evaluation.ap50(info.labels, masks=True),
    }
cards: dict[str, list] = {name: [] for name in roads}
for target in settings.targets:
    for name, road in roads.items():
        out = settings.out / "deploy" / target / name
        cards[name].append(
            deploy.export(target=target, out=out, seed=settings.seed, overwrite=True, **road)
        )

# %% [markdown]
# The device, with NumPy and LiteRT alone, looks at a picture file and counts:

# %%
picture = settings.out / "picture.png"
keras.utils.save_img(picture, tested.images[0], scale=False)
on_device = deploy.runtime.load(settings.out / "deploy" / settings.targets[0] / main)
counted = len(on_device.predict(picture)["boxes"])
print(f"the device counts {counted}, there are {len(tested.truths[0]['boxes'])}")

# %%
courses.write_metrics(
    settings.out,
    cards[main],
    dataset=info.name,
    seed=settings.seed,
    asked_epochs=settings.epochs,
    epochs=epochs[main],
    parameters=network.count_params(),
    training_seconds=round(sum(seconds.values()), 1),
    seconds={name: round(duration, 1) for name, duration in seconds.items()},
    history=histories[main].history,
    tables={"tasks": evaluation.table_of_tasks(cards), "results": results},
)
network.save(settings.out / "model.keras")
print(deploy.table(cards[main]))

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
