"""All networks side by side: their blocks, what was published, equal training, costs on devices."""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

import deploy
from thinkkeras import models
from thinkkeras.inspection import multiply_accumulates, stages
from thinkkeras.models import blocks
from thinkkeras.optimizers import adamw

Examples = tuple[np.ndarray, np.ndarray]


class Published(NamedTuple):
    """A network as its paper has it: ImageNet, one model."""

    name: str
    year: int
    top1: float  # of 100
    parameters: float  # million
    source: str


PUBLISHED = [
    Published("AlexNet", 2012, 59.3, 61, "Krizhevsky et al., table 2, 1 CNN"),
    Published("VGG-16", 2014, 71.5, 138, "KaimingHe/deep-residual-networks, one crop"),
    Published("GoogLeNet", 2014, 68.7, 7.0, "BVLC/caffe, bvlc_googlenet, one crop"),
    Published("ResNet-50", 2015, 75.3, 25.6, "KaimingHe/deep-residual-networks, one crop"),
    Published("SqueezeNet", 2016, 57.5, 1.2, "Iandola et al., table 2"),
    Published("DenseNet-121", 2016, 75.0, 8.0, "Huang et al., table 3, one crop"),
    Published("MobileNetV1", 2017, 70.6, 4.2, "Howard et al. 2017, table 8"),
    Published("MobileNetV2", 2018, 72.0, 3.4, "Sandler et al., table 4"),
    Published("MobileNetV3", 2019, 75.2, 5.4, "Howard et al. 2019, table 3, large"),
    Published("EfficientNet-Lite0", 2020, 75.1, 4.7, "tensorflow/tpu, efficientnet/lite"),
]


# What the picture of the blocks shows, line by line: the title, and the block on feature maps `x`.
BLOCKS: list[list[tuple[str, Callable[[keras.KerasTensor], keras.KerasTensor]]]] = [
    [
        ("VGG", lambda x: blocks.conv_block(blocks.conv_block(x, 64, name="a"), 64, name="b")),
        (
            "Inception",
            lambda x: blocks.inception_block(
                x, (16, 24, 32, 4, 8, 8), batch_normalization=True, name="block"
            ),
        ),
        (
            "Fire",
            lambda x: blocks.fire_module(x, 16, 32, batch_normalization=True, name="block"),
        ),
        ("Separable", lambda x: blocks.separable_block(x, 64, name="block")),
    ],
    [
        ("Residual", lambda x: blocks.residual_block(x, name="block")),
        ("Version 2", lambda x: blocks.residual_block(x, version=2, name="block")),
        (
            "With a projection",
            lambda x: blocks.residual_block(x, 128, strides=2, name="block"),
        ),
        ("Bottleneck", lambda x: blocks.bottleneck_block(x, 16, name="block")),
    ],
    [
        (
            "Densely connected",
            lambda x: blocks.densely_connected_block(x, 2, 32, name="block"),
        ),
        ("Inverted residual", lambda x: blocks.inverted_residual_block(x, 64, name="block")),
        (
            "… with squeeze-and-excitation",
            lambda x: blocks.inverted_residual_block(
                x, 64, activation="hard_silu", squeeze_excitation=96, name="block"
            ),
        ),
    ],
]

# Every network for pictures of 32 x 32, narrowed to between 0.05 and 1 million parameters: by name
# what builds it from the pictures' shape and the number of classes. GoogLeNet and
# SqueezeNet are normalized as the later ones are; LeNet, AlexNet and VGG came before that.
NETWORKS: dict[str, Callable[[tuple[int, int, int], int], keras.Model]] = {
    "LeNet-5": models.lenet5,
    "AlexNet": partial(models.alexnet, alpha=1 / 8, small_images=True),
    "VGG-11": partial(models.vgg, depth=11, alpha=1 / 4, units=128),
    "GoogLeNet": partial(
        models.googlenet, alpha=1 / 8, small_images=True, batch_normalization=True
    ),
    "ResNet-8": partial(models.resnet, depth=8),
    "ResNet-20": partial(models.resnet, depth=20),
    "DenseNet": partial(models.densenet, blocks=(2, 4, 6), growth_rate=12, small_images=True),
    "SqueezeNet": partial(
        models.squeezenet, alpha=1 / 2, small_images=True, batch_normalization=True
    ),
    "MobileNetV1": partial(models.mobilenet_v1, alpha=1 / 4, small_images=True),
    "MobileNetV2": partial(models.mobilenet_v2, alpha=0.35, last=256, small_images=True),
    "MobileNetV3": partial(models.mobilenet_v3, alpha=0.5, last=256, small_images=True),
    "DS-CNN": partial(
        models.ds_cnn,
        filters=(64, 64, 96, 128, 160),
        strides=(1, 2, 1, 2, 1),
        kernel_size=(3, 3),
        include_preprocessing=True,
    ),
    "EfficientNet-Lite0": partial(
        models.efficientnet_lite0, alpha=0.35, last=256, small_images=True
    ),
}


class Result(NamedTuple):
    """A network after equal training, and what it costs; None is what wasn't measured."""

    name: str
    accuracy: float  # of the Keras model on test data, a fraction
    parameters: int
    macs: int
    training_seconds: float
    int8_accuracy: float | None = None
    size_bytes: int | None = None  # of the int8 file
    latency_ms: float | None = None  # int8, one thread of this computer
    arena_bytes: int | None = None  # LiteRT Micro
    cycles: int | None = None  # Ethos-U55-128


def block_models() -> list[list[tuple[str, keras.Model]]]:
    """The blocks of `BLOCKS`, each as a model of the same maps, 16 x 16 x 64."""
    return [
        [(title, _on_maps(build, keras.Input((16, 16, 64), name="maps"))) for title, build in row]
        for row in BLOCKS
    ]


def _on_maps(build: Callable[..., keras.KerasTensor], maps: keras.KerasTensor) -> keras.Model:
    return keras.Model(maps, build(maps))


def stage_table(networks: Mapping[str, keras.Model]) -> list[list[str]]:
    """Where the networks' work and weights lie: a row a network, a column a total stride.

    Each cell has multiply-accumulates, parameters and the receptive field at the stage's end.

    Args:
        networks: by name; functional models of images of a fixed size.

    Returns:
        Rows of text, the header first.
    """
    summed = {name: stages(model) for name, model in networks.items()}
    strides = sorted({stage.stride for rows in summed.values() for stage in rows if stage.stride})
    table = [["network", *(f"stride {stride}" for stride in strides), "no pixels", "all"]]
    for name, rows in summed.items():
        by_stride = {stage.stride: stage for stage in rows}
        cells = []
        for stride in [*strides, None]:
            stage = by_stride.get(stride)
            cells.append("–" if stage is None else _costs(stage))
        work = sum(stage.multiply_accumulates for stage in rows)
        weights = sum(stage.parameters for stage in rows)
        table.append([name, *cells, f"{_short(work)}, {_short(weights)}"])
    return table


def _costs(stage: Any) -> str:
    costs = f"{_short(stage.multiply_accumulates)}, {_short(stage.parameters)}"
    return costs if stage.receptive_field is None else f"{costs}, {stage.receptive_field}"


def _short(count: float) -> str:
    """Three digits: 1234567 is "1.23 M"."""
    for unit, name in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if count >= unit:
            return f"{count / unit:.3g}{name}"
    return f"{count:.3g}"


def train(
    model: keras.Model,
    examples: Any,
    validation: Any,
    *,
    epochs: int,
    learning_rate: float = 5e-3,
    weight_decay: float = 0.05,
    l1: float = 0.0,
    verbose: int = 2,
) -> keras.callbacks.History:
    """The recipe that is the same for every network: AdamW, warm-up and cosine.

    Args:
        model: a classifier that ends in a softmax, freshly built.
        examples: training batches of pixels and classes, a `tf.data` pipeline that knows its
            length.
        validation: batches that the curves are measured on; None draws none.
        epochs: passes over the examples.
        learning_rate: the highest.
        weight_decay: as `thinkkeras.optimizers.adamw` has it.
        l1: what the sum of the kernels' absolute values costs in the loss, see `prefer_zeros`.
        verbose: as `fit` has it.
    """
    prefer_zeros(model, l1)
    model.compile(
        optimizer=adamw(
            steps=epochs * len(examples), learning_rate=learning_rate, weight_decay=weight_decay
        ),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=False,  # on a CPU, XLA makes convolutions slower
    )
    return model.fit(
        examples, validation_data=validation, epochs=epochs, shuffle=False, verbose=verbose
    )


def shuffled(examples: Examples, batch_size: int) -> tf.data.Dataset:
    """Batches of images and classes for `train`, in a new order each epoch."""
    return tf.data.Dataset.from_tensor_slices(examples).shuffle(len(examples[0])).batch(batch_size)


def prefer_zeros(model: keras.Model, l1: float) -> None:
    """Adds the kernels' absolute values, times `l1`, to the loss that a model will be trained with.

    Many weights end near zero, and such weights compress well: an NPU whose weights are stored
    compressed waits less for them. The saved model knows nothing of it.
    """
    for variable in model.trainable_variables:
        if variable.name.endswith("kernel"):
            variable.regularizer = keras.regularizers.L1(l1) if l1 else None


def compare_architectures(
    networks: Mapping[str, Callable[[tuple[int, int, int], int], keras.Model]],
    examples: Any,
    validation: Any,
    test: Examples,
    *,
    epochs: int,
    calibration: np.ndarray,
    class_names: Sequence[str],
    out: Path,
    seed: int = 0,
) -> list[Result]:
    """Trains each network the same way, and measures it on three kinds of devices in int8.

    Args:
        networks: by name what builds one from the images' shape and the number of classes.
        examples: training batches, as `train` takes them.
        validation: batches for the curves.
        test: images and classes that nothing was chosen on.
        epochs: passes over the examples, the same for all.
        calibration: training images for int8's ranges.
        class_names: by index.
        out: the folder in which each network gets `NAME/model.keras`, and a bundle
            `NAME/deploy/TARGET` for each of cpu, cortex-m and ethos-u55-128.
        seed: of weights and order, set anew for each network.

    Returns:
        A `Result` for each network, in their order.
    """
    found = []
    for name, build in networks.items():
        keras.utils.set_random_seed(seed)
        model = build(test[0].shape[1:], len(class_names))
        started = time.perf_counter()
        train(model, examples, validation, epochs=epochs)
        seconds = time.perf_counter() - started
        folder = out / name
        folder.mkdir(parents=True, exist_ok=True)
        model.save(folder / "model.keras")
        cpu, micro, npu = deploy.export(
            folder / "model.keras",
            ("cpu", "cortex-m", "ethos-u55-128"),
            out=folder / "deploy",
            calibration=calibration,
            class_names=class_names,
            test=test,
            seed=seed,
            overwrite=True,
            verbose=0,
        )
        found.append(
            Result(
                name,
                accuracy=cpu["quality"]["keras"],
                parameters=model.count_params(),
                macs=multiply_accumulates(model),
                training_seconds=seconds,
                int8_accuracy=cpu["quality"]["deployed"],
                size_bytes=cpu["size_bytes"],
                latency_ms=cpu["latency_ms"]["median"],
                arena_bytes=micro["memory"]["arena_bytes"],
                cycles=npu["npu"]["cycles"],
            )
        )
        print(found[-1])
    return found


def pareto_front(costs: Sequence[float], accuracies: Sequence[float]) -> list[int]:
    """Whom nobody beats at both: no other is at least as accurate for at most the cost.

    Args:
        costs: the lower the better.
        accuracies: the higher the better.

    Returns:
        Indices, from the cheapest to the most accurate.
    """
    front: list[int] = []
    for index in sorted(range(len(costs)), key=lambda n: (costs[n], -accuracies[n])):
        if not front or accuracies[index] > accuracies[front[-1]]:
            front.append(index)
    return front


def result_table(results: Sequence[Result]) -> list[list[str]]:
    """The results as rows of text, the header first."""

    def shown(value: float | None, text: str) -> str:
        return "–" if value is None else text.format(value)

    header = ["network", "test accuracy", "int8", "parameters", "MACs", "int8 file, kB"]
    rows = [[*header, "int8 latency, ms", "arena, kB", "Ethos-U55 cycles", "training, s"]]
    for one in results:
        rows.append(
            [
                one.name,
                f"{one.accuracy:.1%}",
                shown(one.int8_accuracy, "{:.1%}"),
                f"{one.parameters:,}",
                _short(one.macs),
                shown(one.size_bytes and one.size_bytes / 1000, "{:,.0f}"),
                shown(one.latency_ms, "{:.2f}"),
                shown(one.arena_bytes and one.arena_bytes / 1000, "{:,.0f}"),
                shown(one.cycles, "{:,}"),
                f"{one.training_seconds:.0f}",
            ]
        )
    return rows
