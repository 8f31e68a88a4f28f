"""Networks side by side: the table of stages, equal training, the front, the figures' text."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from courses.s07_cnn_architectures.experiments import architectures
from courses.s07_cnn_architectures.experiments.architectures import PUBLISHED, Result, pareto_front
from courses.s07_cnn_architectures.plots.architectures import (
    COSTS,
    accuracy_against_costs,
    timeline,
)
from thinkkeras.models import convnet

RESULTS = [
    Result("small", 0.70, 20_000, 2_000_000, 10, 0.69, 30_000, 0.1, 20_000, 90_000),
    Result("middling", 0.65, 60_000, 3_000_000, 10, 0.65, 70_000, 0.2, 30_000, 100_000),
    Result("same place", 0.65, 60_000, 3_000_000, 10, 0.65, 70_000, 0.2, 30_000, 100_000),
    Result("large", 0.90, 80_000, 9_000_000, 10, 0.89, 90_000, 0.5, 50_000, None),
]


def test_a_row_a_network_a_column_a_stride():
    models = {
        "digits": convnet((8, 8, 1), 10, filters=(4, 6)),
        "single": convnet((8, 8, 1), 10, filters=(4,)),
    }
    assert architectures.stage_table(models) == [
        ["network", "stride 1", "stride 2", "no pixels", "all"],
        # 64 x 9 x 4; 16 x 9 x 4 x 6; 6 x 10. Kernels, four numbers a normalized map, a bias.
        ["digits", "2.3 k, 52, 3", "3.46 k, 240, 8", "60, 70", "5.82 k, 362"],
        ["single", "2.3 k, 52, 3", "–", "40, 50", "2.34 k, 102"],
    ]


def test_zeros_are_preferred_in_kernels_alone():
    model = convnet((8, 8, 1), 3, filters=(4,))
    architectures.prefer_zeros(model, 0.5)
    sizes = [np.abs(v).sum() for v in model.trainable_variables if v.name == "kernel"]
    assert len(sizes) == 2
    assert float(sum(model.losses)) == pytest.approx(0.5 * sum(map(float, sizes)), rel=1e-5)
    assert keras.models.clone_model(model).losses == []
    architectures.prefer_zeros(model, 0.0)
    assert model.losses == []


@pytest.mark.slow
def test_networks_take_small_pictures_and_are_of_comparable_size():
    for name, build in architectures.NETWORKS.items():
        model = build((32, 32, 3), 10)
        assert model.output_shape == (None, 10), name
        assert 50_000 <= model.count_params() <= 1_000_000, name


def test_blocks_take_the_same_maps():
    for row in architectures.block_models():
        for title, model in row:
            assert model.input_shape == (None, 16, 16, 64), title
            assert model.output_shape[1] in (8, 16) and model.count_params(), title


@pytest.mark.parametrize(
    ("costs", "accuracies", "front"),
    [
        ([3, 1, 2, 4], [0.8, 0.5, 0.4, 0.9], [1, 0, 3]),
        ([1, 1, 1], [0.5, 0.7, 0.6], [1]),
        ([2, 1], [0.5, 0.5], [1]),
        ([1, 2], [0.5, 0.5], [0]),
        ([], [], []),
    ],
)
def test_pareto_front(costs, accuracies, front):
    assert pareto_front(costs, accuracies) == front


def test_the_recipe_is_the_one_stated():
    model = convnet((8, 8, 1), 10, filters=(4,))
    batches = tf.data.Dataset.from_tensors((np.zeros((4, 8, 8, 1)), np.arange(4))).repeat(3)
    batches = batches.apply(tf.data.experimental.assert_cardinality(3))
    history = architectures.train(model, batches, batches, epochs=2, learning_rate=0.01)
    assert set(history.history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert int(model.optimizer.iterations.numpy()) == 6
    assert float(model.optimizer.learning_rate) == pytest.approx(0, abs=1e-9)  # the cosine's end
    assert model.optimizer.weight_decay == 0.05


@pytest.mark.slow
def test_networks_are_trained_and_measured_in_int8(digits, tmp_path):
    images, classes = digits.train
    batches = tf.data.Dataset.from_tensor_slices((images, classes)).batch(64)
    (one,) = architectures.compare_architectures(
        {"tiny": lambda shape, count: convnet(shape, count, filters=(8, 16))},
        batches,
        batches.take(1),
        digits.test,
        epochs=3,
        calibration=images[:100],
        class_names=digits.class_names,
        out=tmp_path,
    )
    model = keras.models.load_model(tmp_path / "tiny" / "model.keras")
    right = (model.predict(digits.test[0], verbose=0).argmax(-1) == digits.test[1]).mean()
    assert one.accuracy == pytest.approx(right) and one.accuracy > 0.2
    assert abs(one.int8_accuracy - one.accuracy) < 0.05
    assert one.parameters == 9 * 8 + 32 + 9 * 8 * 16 + 64 + 170
    assert one.macs == 64 * 72 + 16 * 1152 + 160
    assert one.size_bytes == (tmp_path / "tiny/deploy/cpu/model.tflite").stat().st_size
    assert min(one.latency_ms, one.arena_bytes, one.cycles, one.training_seconds) > 0


def test_table_of_results():
    header, first, *_, last = architectures.result_table(RESULTS)
    assert len(header) == len(first) == 10
    assert first[:6] == ["small", "70.0%", "69.0%", "20,000", "2 M", "30"]
    assert first[6:] == ["0.10", "20", "90,000", "10"] and last[8] == "–"


def test_the_figure_has_every_network_its_front_and_labels_apart(tmp_path):
    path = tmp_path / "costs.png"
    figure = accuracy_against_costs(RESULTS, path)
    assert path.read_bytes().startswith(b"\x89PNG")
    assert len(figure.axes) == 1 + len(COSTS)
    for axes, (field, _, unit) in zip(figure.axes, COSTS, strict=False):
        shown = [one for one in RESULTS if getattr(one, field) is not None]
        front = [one for one in shown if one.name in ("small", "large")]
        np.testing.assert_allclose(
            axes.lines[0].get_xydata(),
            [(getattr(one, field) / unit, 100 * one.accuracy) for one in front],
        )
        assert sorted(text.get_text() for text in axes.texts) == sorted(one.name for one in shown)
        boxes = [text.get_window_extent().padded(-2) for text in axes.texts]
        assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_timeline_has_each_network_in_its_year(tmp_path):
    (axes,) = timeline(PUBLISHED, tmp_path / "timeline.png").axes
    points = axes.collections[0].get_offsets()
    for (x, y), one in zip(points, PUBLISHED, strict=True):
        assert round(x) == one.year and y == one.top1
    assert "VGG-16, 138" in {text.get_text() for text in axes.texts}
