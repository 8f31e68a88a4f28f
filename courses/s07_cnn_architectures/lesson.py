# %% [markdown]
# # Session 7: common CNN architectures
#
# What: the blocks of the well-known networks, from LeNet to EfficientNet, each measured on the same
# data and on the same devices; features that are worth keeping; networks that learn a class from
# one picture, and paint; and an architecture of one's own, searched within a budget.
#
# Why: hardly anybody needs a new network. One needs to know which one to take, what it costs on the
# device, what can be taken over from it, and what to change.
#
# From a terminal:
#
#     python -m courses run s07                     # digits, no download: 99 % in 49 s
#     python -m courses run s07 --target cpu --target gpu --target cortex-m
#     python -m courses check s07                   # grades exercises.py
#
# With `--dataset cifar10`, or any other set of images or a folder with a sub-folder a class, it
# takes the real thing: Omniglot's characters and ImageNet's features, too.
#
# (Right on test data, and the time of ResNet-8's training on two cores; with all the others that it
# is compared with, the run takes some twenty minutes. README.md has the tables.)
#
# The theory behind each step is in README.md, under the same headings.

# %%
from typing import NamedTuple

import keras
import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_image
from sklearn.manifold import TSNE
from sklearn.neighbors import NearestNeighbors

import courses
import deploy
import deploy.runtime
from courses.s07_cnn_architectures.experiments import (
    architectures,
    one_shot,
    own_architecture,
    residual,
    style,
    transfer,
)
from courses.s07_cnn_architectures.plots import architectures as pictures
from courses.s07_cnn_architectures.plots import one_shot as one_shot_plots
from courses.s07_cnn_architectures.plots import own_architecture as own_plots
from courses.s07_cnn_architectures.plots import residual as residual_plots
from courses.s07_cnn_architectures.plots import style as style_plots
from courses.s07_cnn_architectures.plots import transfer as transfer_plots
from courses.s07_cnn_architectures.plots.blocks import block_sheet
from deploy.bundle.card_text import figures as figures_of
from thinkkeras import datasets
from thinkkeras.explanations import grad_cam, occlusion
from thinkkeras.metrics import few_shot_accuracy, pair_distances, squared_euclidean
from thinkkeras.models import convnet, embedding_net, resnet, squeezenet, style_net
from thinkkeras.optimizers import adamw
from thinkkeras.plots import (
    attention_maps,
    class_samples,
    feature_maps,
    learned_filters,
    learning_curves,
    nearest_neighbours,
)
from thinkkeras.style_transfer import StyleTransferLoss, match_colours

settings = courses.settings("s07", dataset="digits", targets=("cpu", "cortex-m"))
keras.utils.set_random_seed(settings.seed)
figures = settings.figures
seconds: dict[str, float] = {}
tables: dict[str, list[list[str]]] = {}
offline, trial = settings.dataset == "digits", settings.epochs is not None


class Recipe(NamedTuple):
    """What a data set asks for."""

    batch_size: int
    epochs: int  # of the session's network
    compared_epochs: int  # of each of the networks that are compared
    batches: int  # of an epoch, where networks are compared
    depth_batches: int  # of an epoch, where plain and residual networks are
    few: tuple[int, ...]  # examples of a class, for transfer
    cycles: int  # what an inference of one's own network may cost on Ethos-U55-128
    trials: int  # of the search


RECIPES = {"digits": Recipe(32, 20, 4, 40, 12, (3, 10, 30), cycles=100_000, trials=6)}
recipe = RECIPES.get(
    settings.dataset, Recipe(128, 10, 2, 140, 70, (10, 30, 100), cycles=200_000, trials=6)
)
if trial:
    recipe = recipe._replace(
        compared_epochs=1, batches=2, depth_batches=2, few=recipe.few[:1], trials=2
    )
epochs = settings.epochs or recipe.epochs

# %% [markdown]
# ## The data
#
# Pictures of 32 x 32 pixels, of 0-255: the models rescale them. Digits are enlarged to that size.
# Nothing is chosen on the validation pictures: they watch the training, and are a second test set.

# %%
(train, validation, test), info = datasets.load(
    settings.dataset, batch_size=recipe.batch_size, seed=settings.seed, image_size=(32, 32)
)
input_shape = (32, 32, info.input_shape[-1])
test_images, test_classes = datasets.as_arrays(test)
if trial:
    test_images, test_classes = test_images[:200], test_classes[:200]
calibration_images, _ = datasets.as_arrays(train.unbatch().take(384).batch(384))
print(f"{info.name}: {info.counts}, images of {input_shape}, {info.classes} classes")
class_samples(test_images, test_classes, info.class_names, figures / "data.png")

# %% [markdown]
# ## Why so many architectures?
#
# Each answered one question, by a block that the network repeats. The pictures are drawn from the
# functions that build the blocks, their costs are counted on them.

# %%
block_sheet(architectures.block_models(), figures / "blocks.png")
pictures.timeline(architectures.PUBLISHED, figures / "timeline.png")

# %% [markdown]
# ## What each stage costs
#
# Multiply-accumulates, parameters, and how far the last pixel of each stage sees. Work lies where
# maps are large, weights where channels are many.

# %%
tables["stages"] = architectures.stage_table(
    {name: build(input_shape, info.classes) for name, build in architectures.NETWORKS.items()}
)
for row in tables["stages"]:
    print(" | ".join(row))

# %% [markdown]
# ## Residual connections, measured
#
# Plain and residual networks of growing depth, all else equal. If depth only helped, the deeper
# plain network would at least fit its training data better.

# %%
runs = residual.compare_depths(
    lambda depth, shortcut: resnet(
        input_shape,
        info.classes,
        depth=depth,
        shortcut="padding" if shortcut else None,  # no weights: both are of the same size
    ),
    train.take(recipe.depth_batches),
    validation,
    (test_images, test_classes),
    depths=(8,) if trial else (8, 20, 32),
    epochs=recipe.compared_epochs,
    seed=settings.seed,
)
tables["depths"] = residual.depth_table(runs)
residual_plots.depth_curves(runs, figures / "depth_curves.png")
residual_plots.gradient_norms(runs, figures / "gradient_norms.png")

# %% [markdown]
# ## One recipe for all
#
# Every network is trained the same way and goes onto three kinds of devices in int8. What counts
# as cheap differs between them.

# %%
networks = architectures.NETWORKS
if trial:
    networks = {name: networks[name] for name in ("LeNet-5", "ResNet-8")}
results = architectures.compare_architectures(
    networks,
    train.take(recipe.batches),
    validation,
    (test_images, test_classes),
    epochs=recipe.compared_epochs,
    calibration=calibration_images,
    class_names=info.class_names,
    out=settings.out / "architectures",
    seed=settings.seed,
)
tables["architectures"] = architectures.result_table(results)
pictures.accuracy_against_costs(results, figures / "accuracy_against_costs.png")

# %% [markdown]
# ## A network in full
#
# ResNet-8 is MLPerf Tiny's image classifier. A small price on the weights' absolute values leaves
# many of them near zero: an Ethos-U stores weights compressed, and waits less for such ones.

# %%
model = resnet(input_shape, info.classes, depth=8)
model.summary()
architectures.prefer_zeros(model, l1=1e-4)
model.compile(
    optimizer=adamw(steps=epochs * len(train), learning_rate=1e-2, weight_decay=0.05),
    loss="sparse_categorical_crossentropy",
    metrics=["accuracy"],
    jit_compile=False,  # on a CPU, XLA makes convolutions slower
)
with courses.timed(seconds, "ResNet-8"):
    history = model.fit(train, validation_data=validation, epochs=epochs, shuffle=False, verbose=2)

# %%
test_accuracy = float(np.mean(model.predict(test_images, verbose=0).argmax(-1) == test_classes))
validation_accuracy = model.evaluate(validation, verbose=0, return_dict=True)["accuracy"]
print(f"test {test_accuracy:.2%}, and on the second test set {validation_accuracy:.2%}")
model.save(settings.out / "model.keras")
learning_curves(history, figures / "learning_curves.png")

# %% [markdown]
# ## What a network sees
#
# Its first filters, and what its stages make of one picture.

# %%
first = next(layer for layer in model.layers if hasattr(layer, "kernel"))
learned_filters(first.get_weights()[0], figures / "filters.png")

maps = {
    layer.output.shape[1:3]: layer  # the last layer of each size replaces those before
    for layer in model.layers
    if len(layer.output.shape) == 4 and getattr(layer, "activation", None)
}
stage_outputs = keras.Model(model.input, [layer.output for layer in maps.values()])
stages = [keras.ops.convert_to_numpy(output)[0] for output in stage_outputs(test_images[:1])]
feature_maps(test_images[0], stages, figures / "feature_maps.png")

# %% [markdown]
# Where does it look? Grad-CAM asks the gradient which places spoke for the class; occlusion covers
# them and sees what is lost.

# %%
shown = test_images[:8]
predicted = model.predict(shown, verbose=0).argmax(axis=-1)
last_maps = list(maps.values())[-1].name
looked_at = grad_cam(model, last_maps, shown, predicted)
side = info.input_shape[0] // 4
covered = np.stack(
    [
        occlusion(model, image, index, size=side, stride=side // 2)
        for image, index in zip(shown, predicted, strict=True)
    ]
)
attention_maps(
    shown,
    [("Grad-CAM", looked_at), ("occlusion", covered)],
    [info.class_names[index] for index in predicted],
    figures / "attention.png",
)

# %% [markdown]
# What is alike to it? The vector before the classifier places each picture; these pictures,
# of the validation set, lie nearest to a test picture.

# %%
embed = keras.Model(model.input, model.layers[-1].input)
known, known_classes = datasets.as_arrays(validation)
index = NearestNeighbors(n_neighbors=min(7, len(known)), metric="cosine")
index.fit(embed.predict(known, verbose=0))
nearest = index.kneighbors(embed.predict(test_images[:6], verbose=0), return_distance=False)
nearest_neighbours(
    test_images[:6],
    known[nearest],
    known_classes[nearest] == test_classes[:6, None],
    figures / "neighbours.png",
)

# %% [markdown]
# ## Transfer: features that others paid for
#
# From SqueezeNet's ImageNet features, of the pictures enlarged to 128 x 128; without a download,
# from the digits 0 to 4 to the digits 5 to 9. First only a new classifier learns, then, at a
# hundredth of the rate, everything.

# %%
(unchanged, _, _), _info = datasets.load(
    settings.dataset, augment=False, seed=settings.seed, image_size=(32, 32)
)
x, y = datasets.as_arrays(unchanged)
kinds = np.unique(y)
if offline:
    kinds = kinds[len(kinds) // 2 :]
    others = np.isin(y, kinds, invert=True)
    features = resnet(input_shape, len(np.unique(y)) - len(kinds), depth=8)
    with courses.timed(seconds, "features of the other digits"):
        transfer.train_from_scratch(features, x[others], y[others], epochs=epochs)
    features = keras.Model(features.input, features.layers[-1].input)
else:
    features = squeezenet((128, 128, 3), include_top=False, pooling="avg", weights="imagenet")
chosen = np.isin(test_classes, kinds)
pool, unseen_pictures = (x[np.isin(y, kinds)], y[np.isin(y, kinds)]), test_images[chosen]
answers = np.searchsorted(kinds, test_classes[chosen])


def right(classifier: keras.Model) -> float:
    """The accuracy on the test pictures of these classes."""
    predicted = classifier.predict(unseen_pictures, batch_size=100, verbose=0)
    return float(np.mean(predicted.argmax(-1) == answers))


# %%
rows = []
fewest = int(np.unique(pool[1], return_counts=True)[1].min())
for per_class in [few for few in recipe.few if few <= fewest] or [fewest]:
    few_x, few_y = transfer.few_examples(*pool, per_class, seed=settings.seed)
    few_y = np.searchsorted(kinds, few_y)
    with courses.timed(seconds, f"transfer, {per_class} a class"):
        scratch = resnet(input_shape, len(kinds), depth=8)
        transfer.train_from_scratch(scratch, few_x, few_y, epochs=4 if trial else 60)
        transferred = transfer.on_top_of(features, input_shape, len(kinds))
        transfer.train_classifier(transferred, few_x, few_y, epochs=2 if trial else 60)
        frozen = right(transferred)
        transfer.fine_tune(transferred, few_x, few_y, epochs=1 if trial else 10)
    rows.append(
        transfer.FewExamples(per_class, right(scratch), frozen, fine_tuned=right(transferred))
    )
    print(rows[-1])
tables["transfer"] = transfer.few_examples_table(rows)
transfer_plots.few_examples(rows, figures / "few_examples.png")

# %% [markdown]
# ## An architecture of one's own
#
# The budget: an inference on Ethos-U55-128 may cost so many cycles, and 56 kB of RAM. A search
# draws blocks and changes the best ones, the width is the widest that the budget pays for, and a
# short training on nine tenths of the training pictures ranks the candidates on the other tenth.

# %%
held = len(x) // 10
found = own_architecture.search(
    input_shape,
    info.classes,
    (x[held:], y[held:]),
    (x[:held], y[:held]),
    batch_size=recipe.batch_size,
    cycles=recipe.cycles,
    arena_bytes=56_000,
    trials=recipe.trials,
    epochs=1 if trial else 2,
    seed=settings.seed,
)
own_plots.candidates(found, recipe.cycles, figures / "candidates.png")

# %% [markdown]
# The best one gets the same training as all others, and stands beside them.

# %%
results += architectures.compare_architectures(
    {
        "found": lambda shape, classes: own_architecture.network(
            shape, classes, stem=found[0].stem, stages=found[0].stages
        )
    },
    train.take(recipe.batches),
    validation,
    (test_images, test_classes),
    epochs=recipe.compared_epochs,
    calibration=calibration_images,
    class_names=info.class_names,
    out=settings.out / "architectures",
    seed=settings.seed,
)
tables["architectures"] = architectures.result_table(results)
pictures.accuracy_against_costs(results, figures / "accuracy_against_costs.png")

# %% [markdown]
# ## One-shot learning: recognise what was shown once
#
# A classifier needs many pictures of each class, and all classes before it is trained. A device
# that shall know its owner's drawings has one picture, and no time to train. So the network does
# not learn classes but a *distance*: drawings of one character lie close together, also those of
# characters that it has never seen.

# %%
characters = "drawn" if offline else "omniglot"
shots = one_shot.RECIPES[characters]
if trial:
    shots = shots._replace(episodes=20, pair_steps=10)
train_characters, held_out, unseen = datasets.load_characters(characters)
for name, part in (("train", train_characters), ("validation", held_out), ("test", unseen)):
    classes, drawings = part.images.shape[:2]
    print(
        f"{name:10} {classes} characters, {drawings} drawings each: {sorted(set(part.alphabets))}"
    )

# %% [markdown]
# No alphabet is in two of the three. Omniglot's own small sets share Greek and Latin, picture by
# picture: who tests on all of the second set tests on what was trained.
#
# ### Episodes
#
# Training plays the test: each step draws an *episode*, some classes, one drawing of each as
# support, some others as queries. Turned by 90°, 180° and 270°, the characters are new classes.

# %%
turned = datasets.rotated_as_classes(train_characters)
episodes = datasets.episodes(turned, ways=shots.ways, queries=shots.queries, seed=settings.seed)
encoder = embedding_net(filters=shots.filters)
encoder.summary()

# %% [markdown]
# The logits are minus the squared distances to the prototypes, so the loss is Keras's own softmax
# cross-entropy, and the training is `fit`.

# %%
prototypical = one_shot.prototypical_net(encoder, shots)
with courses.timed(seconds, "prototypical network"):
    prototypical.fit(episodes, steps_per_epoch=shots.episodes, shuffle=False, verbose=2)

# %% [markdown]
# ### Twins
#
# The Siamese network has the same encoder, and learns from pairs: the same character, or not?

# %%
twin = embedding_net(filters=shots.filters)
siamese = one_shot.compiled_siamese(twin, shots)
pairs = datasets.pairs(turned, batch_size=shots.pairs, seed=settings.seed)
with courses.timed(seconds, "siamese network"):
    siamese.fit(pairs, steps_per_epoch=shots.pair_steps, shuffle=False, verbose=2)

# %% [markdown]
# ### A thousand episodes of unseen alphabets
#
# The encoder is asked once for each drawing; an episode is then a few distances.

# %%
embeddings = one_shot.embed(encoder, unseen)
count = 100 if trial else 1000
tables["one_shot"] = one_shot.one_shot_table(
    {
        "pixels": one_shot.few_shot_results(
            one_shot.raw_pixels(unseen), unseen.alphabets, episodes=count
        ),
        "Siamese network": one_shot.few_shot_results(
            one_shot.embed(twin, unseen),
            unseen.alphabets,
            distance=one_shot.siamese_distance(siamese),
            episodes=count,
        ),
        "prototypical network": one_shot.few_shot_results(
            embeddings, unseen.alphabets, episodes=count
        ),
    }
)
for row in tables["one_shot"]:
    print(" | ".join(row))

# %%
shown = np.random.default_rng(settings.seed).choice(len(unseen.images), 10, replace=False)
asked = embeddings[shown, 1:4].reshape(30, -1)
nearest = squared_euclidean(asked, embeddings[shown, 0]).argmin(axis=1).reshape(10, 3)
one_shot_plots.episode(
    unseen.images[shown, 0], unseen.images[shown, 1:4], nearest, figures / "one_shot_episode.png"
)
ways = [each for each in (2, 5, 10, 20, 40, 80) if each <= len(unseen.images)]
one_shot_plots.accuracy_by_ways(
    ways,
    {
        f"{name}, {k} shot{'s' if k > 1 else ''}": [
            few_shot_accuracy(vectors, ways=each, shots=k, episodes=count // 5) for each in ways
        ]
        for name, vectors in (("learned", embeddings), ("pixels", one_shot.raw_pixels(unseen)))
        for k in (1, 5)
    },
    figures / "one_shot_ways.png",
)

# %% [markdown]
# ### What the space looks like
#
# Ten unseen characters, all their drawings, brought from the embedding down to the plane.

# %%
flat = embeddings[shown].reshape(-1, embeddings.shape[-1])
plane = TSNE(random_state=settings.seed, init="pca").fit_transform(flat)
one_shot_plots.embedding_map(
    plane.reshape(*embeddings[shown].shape[:2], 2),
    unseen.images[shown],
    figures / "one_shot_embeddings.png",
)

# %% [markdown]
# ### Unknown
#
# The nearest prototype is always somebody. A threshold lets the device say "unknown": it is chosen
# on the validation alphabets, so that one stranger in twenty gets a name where five are enrolled.

# %%
encoder.save(settings.out / "encoder.keras")
recognition = {"task": "recognition", "distance": "euclidean", "ways": 5, "episodes": count}
unknown = deploy.recognition_threshold(
    settings.out / "encoder.keras",
    *one_shot.as_examples(held_out),
    false_accept=0.05,
    task=recognition,
)
print(f"unknown beyond a distance of {unknown.threshold:.2f}: {unknown.task['threshold_from']}")
same, different = pair_distances(one_shot.embed(encoder, held_out), seed=settings.seed)
tables["unknown"] = one_shot.unknown_table(np.sqrt(same), np.sqrt(different))
same, different = pair_distances(embeddings, seed=settings.seed)
one_shot_plots.distances(
    np.sqrt(same),
    np.sqrt(different),
    unknown.threshold,
    figures / "one_shot_distances.png",
)

# %% [markdown]
# ## Style transfer
#
# A classifier's feature maps are good for more than classes. What is where is the content of a
# picture; which maps are active together, wherever that is, is its style. A picture can be changed
# by gradient descent until it has the content of a photograph and the style of a painting.
#
# The painting is any picture file: van Gogh's and Munch's are taken from the folder that
# `THINKKERAS_DOWNLOADS` names, and one that a function draws is always there.

# %%
style_recipe = style.OFFLINE if offline else style.REAL
if trial:
    style_recipe = style_recipe._replace(height=96, steps=10, crop=64, fast_steps=10)
paintings = style.paintings(style_recipe.height)
photographs = {
    name: style.resized(load_sample_image(f"{name}.jpg"), style_recipe.height)
    for name in ("china", "flower")
}
painting, photograph = next(iter(paintings.values())), photographs["china"]
first = next(iter(paintings))

# %% [markdown]
# ### The features
#
# Features that know strokes, petals and fur come from ImageNet. Where its weights can't be had, a
# small network is trained here, on a task that needs no labels: which of these pictures is the
# crop from, and how was it turned? (With a connection, `vgg(depth=16, include_top=False,
# weights="imagenet")` does as well: Gatys et al. took the layers `stage1_conv1` … `stage5_conv1`.)

# %%
pretext = [*photographs.values(), painting]
crops, classes = style.turned_crops(
    pretext, size=40, examples=300 if settings.epochs else 3000, seed=settings.seed
)
trained_here = convnet(crops.shape[1:], 4 * len(pretext), name="trained_here")
trained_here.compile(
    "adam", "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False
)
with courses.timed(seconds, "style features"):
    trained_here.fit(crops, classes, batch_size=64, epochs=settings.epochs or 4, verbose=2)

feature_networks = {"trained here": (trained_here, style.last_layers(trained_here)[:3])}
if info.input_shape[-1] == 3:
    feature_networks[f"trained on {info.name}"] = (model, style.last_layers(model)[:3])
if style_recipe.imagenet:
    layers = ["conv1", "fire3_concat", "fire5_concat", "fire7_concat"]
    feature_networks["no training"] = (squeezenet(include_top=False), layers)
    feature_networks["ImageNet"] = (squeezenet(include_top=False, weights="imagenet"), layers)
network, layers = list(feature_networks.values())[-1]

# %% [markdown]
# ### Gatys et al.: the picture is the weights
#
# `picture_model` is a model whose only weights are the changes to one picture. So the optimisation
# is `fit`, as always, on one pair: where to begin, and which content to keep. Both are the
# photograph in the painting's palette; the network then has the strokes to care about.

# %%
loss = StyleTransferLoss(network, painting, style_layers=layers, content_layer=layers[-2])
palette = match_colours(photograph[None], painting)[0]
canvas = style.picture_model(palette.shape)
canvas.compile(
    keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(4.0, style_recipe.steps, 0.05)),
    loss,
    jit_compile=False,
)
kept = [0, *np.unique(np.geomspace(1, style_recipe.steps, 10).round().astype(int))]
snapshots = style.Snapshots(loss, palette, palette, kept)
with courses.timed(seconds, "style by optimisation"):
    canvas.fit(
        style.one_pair(palette, palette, style_recipe.steps),
        callbacks=[snapshots],
        shuffle=False,
        verbose=2,
    )
style_plots.progress(snapshots.snapshots, figures / "style_progress.png")

# %% [markdown]
# ### What layers hold
#
# From noise: above, only the style of the painting, of the first layer, then of more; below, only
# the content of the photograph, layer by layer. Fine layers hold colours and fine strokes and all
# pixels of the photograph; coarse layers hold large swirls, and of the photograph what is where.

# %%
half = style_recipe.height // 2
styles, contents = style.style_and_content(
    network,
    style.resized(painting, half),
    style.resized(photograph, half),
    layers,
    steps=style_recipe.steps // 2,
    seed=settings.seed,
)
style_plots.what_layers_hold(layers, styles, contents, figures / "style_layers.png")

# %% [markdown]
# ### What the features are worth
#
# The same painting, the same photograph, the same steps; only the network differs that looks at
# them.

# %%
compared = {"photograph": photograph, first: painting}
for name, (features, style_layers) in feature_networks.items():
    objective = StyleTransferLoss(
        features, painting, style_layers=style_layers, content_layer=style_layers[-2]
    )
    compared[name] = style.paint(objective, palette, palette, steps=style_recipe.steps)[-1].picture
in_order = list(compared.items())
style_plots.picture_grid(
    [dict(in_order[at : at + 3]) for at in range(0, len(in_order), 3)],
    figures / "style_features.png",
)

# %% [markdown]
# ### Paintings, photographs, colours
#
# Each painting with both photographs; and van Gogh's strokes with the photograph's own colours,
# which begin and end at the photograph itself.

# %%
gallery: list[dict[str, np.ndarray]] = []
for name, one in paintings.items():
    objective = StyleTransferLoss(network, one, style_layers=layers, content_layer=layers[-2])
    paintings_row = {name: one}
    for title, content in photographs.items():
        begin = match_colours(content[None], one)[0]
        paintings_row[title] = style.paint(objective, begin, begin, steps=style_recipe.steps)[
            -1
        ].picture
    gallery.append(paintings_row)
style_plots.picture_grid(gallery, figures / "style_gallery.png")

in_own_colours = StyleTransferLoss(
    network,
    match_colours(painting[None], photograph)[0],
    style_layers=layers,
    content_layer=layers[-2],
)
own = style.paint(in_own_colours, photograph, photograph, steps=style_recipe.steps)[-1].picture
style_plots.picture_grid(
    [
        {"photograph": photograph, "in the painting's palette": palette},
        {"painted in its own colours": own, "in the painting's": snapshots.snapshots[-1].picture},
    ],
    figures / "style_colours.png",
)

# %% [markdown]
# ### Johnson et al.: one pass
#
# Optimising takes a minute for each picture. A network that is trained with the same loss on many
# photographs paints the next one in a single pass: `fit` again, with the same loss. It learns one
# painting. Photographs go in as they are; what is kept is their content in the painting's palette.

# %%
sources = list(photographs.values())
if style_recipe.photographs:
    (balloons, _, _), _scenes = datasets.load_detection(
        style_recipe.photographs, image_size=(384, 384), augment=False, seed=settings.seed
    )
    sources = [one.astype("uint8") for batch in balloons for one in batch["images"].numpy()]
pairs = style.crops(
    sources, painting, size=style_recipe.crop, batch_size=2, seed=settings.seed
).take(style_recipe.fast_steps)

fast = style_net((style_recipe.crop, style_recipe.crop, 3), filters=style_recipe.filters)
fast.compile(
    adamw(steps=style_recipe.fast_steps, learning_rate=3e-3, weight_decay=0.0),
    loss,
    jit_compile=False,
)
with courses.timed(seconds, "style_net"):
    fast.fit(pairs, shuffle=False, verbose=2)

# %% [markdown]
# Weights of convolutions suit pictures of any size: the network for the device is built for the
# size that it will see, and takes them over.

# %%
painter = style_net(photograph.shape, filters=style_recipe.filters)
painter.set_weights(fast.get_weights())
painter.save(settings.out / "style_net.keras")
fast_pictures = {
    name: style.pixels(painter.predict(one[None], verbose=0)) for name, one in photographs.items()
}
style_plots.picture_grid(
    [photographs, {f"{name}, one pass": one for name, one in fast_pictures.items()}],
    figures / "style_fast.png",
)

# %% [markdown]
# ## To the device
#
# Three networks, three tasks. The classifier as always, judged on both test sets. The encoder's
# bundle learns new characters on the device, from one picture each: nothing is trained there, a
# prototype is kept. The painter takes any picture, or a video.
#
#     python -m deploy.runtime recognise OUT/deploy/cpu/encoder OUT/drawings/a_2.png
#     python -m deploy.runtime enrol OUT/deploy/cpu/encoder f OUT/drawings/f_1.png
#     python -m deploy.runtime run OUT/deploy/cpu/style OUT/drawings/china.png --draw painted.png

# %%
both = [datasets.as_arrays(part) for part in (test, validation)]
cards = courses.export(
    settings,
    settings.out / "model.keras",
    "classifier",
    calibration=calibration_images,
    class_names=info.class_names,
    test=tuple(map(np.concatenate, zip(*both, strict=True))),
)

# %%
drawings, owners = one_shot.as_examples(unseen)
encoders = courses.export(
    settings,
    settings.out / "encoder.keras",
    "encoder",
    calibration=one_shot.as_examples(train_characters)[0][:384],
    task=recognition | unknown.task | {"ways": 5 if trial else 20},
    test=(drawings, owners),
)
tables["encoder"] = figures_of(encoders)

# %% [markdown]
# Instance normalization divides by a deviation for which eight bits are too coarse: it stays in
# float, which a CPU has.

# %%
norms = [one.name for one in painter.layers if isinstance(one, keras.layers.GroupNormalization)]
quantizations = {
    "cpu": deploy.Quantization(mixed=dict.fromkeys(norms, "float32")),
    "gpu": None,  # float16 throughout
}
painters = [
    deploy.export(
        settings.out / "style_net.keras",
        target,
        out=settings.out / "deploy" / target / "style",
        task="image_to_image",
        quantization=quantizations[target],
        calibration=np.stack(list(photographs.values())),
        seed=settings.seed,
        overwrite=True,
    )
    for target in settings.targets
    if target in quantizations
]
tables["style"] = figures_of(painters)

# %% [markdown]
# On the device: five characters, a to e, enrolled from one drawing each, recognised from another
# one; f is a stranger to it. The drawings stay as files, to go on with in a terminal.

# %%
drawings_at = settings.out / "drawings"
drawings_at.mkdir(parents=True, exist_ok=True)
for letter, number in zip("abcdef", shown, strict=False):
    for k in (1, 2):
        drawing = Image.fromarray(unseen.images[number, k - 1, ..., 0])
        drawing.save(drawings_at / f"{letter}_{k}.png")
Image.fromarray(photographs["china"]).save(drawings_at / "china.png")

on_device = deploy.runtime.load(settings.out / "deploy" / settings.targets[0] / "encoder")
for letter in "abcde":
    deploy.runtime.enrol(on_device, letter, [drawings_at / f"{letter}_1.png"])
for letter in "abcdef":
    answer = deploy.runtime.recognise(on_device, drawings_at / f"{letter}_2.png")
    name = answer["name"] or "unknown"
    print(f"{letter} is {name}: {answer['distance']:.2f} from {answer['nearest']}")

# %% [markdown]
# ## The verdict

# %%
courses.write_metrics(
    settings,
    cards,
    dataset=info.name,
    epochs=epochs,
    parameters=model.count_params(),
    training_seconds=round(seconds["ResNet-8"], 1),
    history=history.history,
    test_accuracy=cards[0]["quality"]["keras"],
    tables=tables,
)

# %% [markdown]
# ## What was learnt
#
# - A block answers a problem; knowing the problem tells when the block helps.
# - Shortcuts let depth be used; without them a deeper network trains worse.
# - Cheap means something else on each device: compare at equal cost, on the one that will run it.
# - Features can be taken over, which is worth most where examples are few.
# - A distance instead of classes lets a device learn a class from one picture.
# - What a network sees can be turned round, into a loss for pictures.
#
# Now open `exercises.py`: each of these steps is there to be written by hand.
