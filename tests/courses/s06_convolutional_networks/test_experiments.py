"""Session 6's experiments: the numbers they give."""

import keras

from courses.s06_convolutional_networks import experiments, solutions

layers = keras.layers
FIELDS = [
    experiments.ReceptiveField("c1", "convolution", 5, 1, (28, 28, 6), 5, 1),
    experiments.ReceptiveField("s2", "pooling", 2, 2, (14, 14, 6), 6, 2),
    experiments.ReceptiveField("c3", "convolution", 5, 1, (10, 10, 16), 14, 2),
    experiments.ReceptiveField("s4", "pooling", 2, 2, (5, 5, 16), 16, 4),
    experiments.ReceptiveField("c5", "convolution", 5, 1, (1, 1, 120), 32, 4),
]


def _lenet():
    """LeNet-5's plan, all maps connected: the receptive fields of the paper's figure 2."""
    inputs = keras.Input((32, 32, 1))
    x = layers.Conv2D(6, 5, name="c1")(layers.Rescaling(1 / 255)(inputs))
    x = layers.AveragePooling2D(2, name="s2")(x)
    x = layers.Conv2D(16, 5, activation="tanh", name="c3")(x)
    x = layers.AveragePooling2D(2, name="s4")(x)
    x = layers.Conv2D(120, 5, name="c5")(x)
    return keras.Model(inputs, layers.Dense(10)(layers.Flatten()(x)))


def test_receptive_fields_follow_lenet():
    assert experiments.receptive_fields(_lenet()) == FIELDS


def test_receptive_fields_agree_with_the_exercise_on_dilation():
    inputs = keras.Input((32, 32, 1))
    x = layers.Conv2D(2, 3, strides=2, padding="same")(inputs)
    x = layers.Conv2D(2, 3, dilation_rate=4, padding="same")(x)
    last = experiments.receptive_fields(keras.Model(inputs, x))[-1]
    expected = solutions.receptive_field([(3, 2, 1), (3, 1, 4)])
    assert (last.size, last.jump) == expected == (19, 2)
