"""Transfer: what is drawn, what learns in each step, and the figure."""

import keras
import numpy as np
import pytest

from courses.s07_cnn_architectures.experiments import transfer
from courses.s07_cnn_architectures.plots.transfer import few_examples as draw


def features():
    inputs = keras.Input((16, 16, 1))
    x = keras.layers.Conv2D(4, 3, name="conv")(inputs)
    x = keras.layers.BatchNormalization(name="normalization")(x)
    return keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x))


def striped(count):
    """Rows of bright lines, or columns of them."""
    generator = np.random.default_rng(0)
    y = np.arange(count) % 2
    x = generator.uniform(0, 60, (count, 8, 8, 1)).astype("float32")
    x[y == 0, ::2] += 190
    x[y == 1, :, ::2] += 190
    return x, y


def weights(model, name):
    return next(
        layer.get_weights()
        for layer in model._flatten_layers(include_self=False)
        if layer.name == name
    )


def test_few_examples_are_as_many_of_each_class_and_seeded():
    x, y = np.arange(60), np.repeat([4, 5, 9], 20)
    few_x, few_y = transfer.few_examples(x, y, 3, seed=1)
    assert sorted(few_y) == [4, 4, 4, 5, 5, 5, 9, 9, 9]
    assert len(set(few_x)) == 9
    assert np.array_equal(y[few_x], few_y)
    again, _ = transfer.few_examples(x, y, 3, seed=1)
    assert np.array_equal(few_x, again)
    assert not np.array_equal(few_x, transfer.few_examples(x, y, 3, seed=2)[0])


def test_too_few_of_a_class_are_refused():
    with pytest.raises(ValueError, match="at least 3 examples a class, received 2 of class 7"):
        transfer.few_examples(np.zeros(5), np.array([1, 1, 1, 7, 7]), 3)


def test_first_the_classifier_learns_then_everything_but_the_statistics():
    keras.utils.set_random_seed(0)
    trained, (x, y) = features(), striped(64)
    trained.get_layer("normalization").set_weights([np.ones(4), np.zeros(4), *2 * [np.ones(4)]])
    before = trained.get_weights()
    model = transfer.on_top_of(trained, (8, 8, 1), 2)
    assert model.output_shape == (None, 2)
    kernel, classifier = weights(model, "conv")[0], weights(model, "classifier")[0]

    transfer.train_classifier(model, x, y, epochs=3)
    assert np.array_equal(weights(model, "conv")[0], kernel)
    assert not np.array_equal(weights(model, "classifier")[0], classifier)

    transfer.fine_tune(model, x, y, epochs=1)
    assert not np.array_equal(weights(model, "conv")[0], kernel)
    # Mean and variance are those that came with the features.
    assert np.array_equal(weights(model, "normalization")[2:], [np.ones(4), np.ones(4)])
    # The classifier has a copy: the features can serve again.
    assert all(map(np.array_equal, trained.get_weights(), before))


def test_grey_pictures_suit_features_of_colours():
    inputs = keras.Input((16, 16, 3))
    colours = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3)(inputs))
    model = transfer.on_top_of(keras.Model(inputs, colours), (8, 8, 1), 2)
    assert model.predict(np.zeros((1, 8, 8, 1)), verbose=0).shape == (1, 2)


def test_training_from_scratch_learns():
    keras.utils.set_random_seed(0)
    x, y = striped(64)
    inputs = keras.Input((8, 8, 1))
    hidden = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    model = keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(hidden))
    history = transfer.train_from_scratch(model, x, y, epochs=20)
    assert history.history["accuracy"][-1] == 1


ROWS = [transfer.FewExamples(10, 0.35, 0.62, 0.655), transfer.FewExamples(100, 0.5, 0.7, 0.75)]


def test_the_table():
    assert transfer.few_examples_table(ROWS) == [
        ["examples a class", "from scratch", "frozen features", "fine-tuned"],
        ["10", "35.0 %", "62.0 %", "65.5 %"],
        ["100", "50.0 %", "70.0 %", "75.0 %"],
    ]


def test_the_figure(tmp_path):
    figure = draw(ROWS, tmp_path / "few.png")
    (axes,) = figure.axes
    heights = {line.get_label(): list(line.get_ydata()) for line in axes.lines}
    assert heights["frozen features"] == [62.0, 70.0]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["10", "100"]
    assert (tmp_path / "few.png").stat().st_size > 10_000
