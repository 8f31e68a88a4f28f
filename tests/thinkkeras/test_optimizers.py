"""The optimizer: its learning rate step by step, and what it does to weights."""

import keras
import numpy as np
import pytest

from thinkkeras.optimizers import Alternating, adamw


def rates(optimizer, steps):
    found = []
    for step in range(steps):
        optimizer.iterations.assign(step)
        found.append(float(keras.ops.convert_to_numpy(optimizer.learning_rate)))
    return np.array(found)


@pytest.mark.parametrize("alpha", [0.0, 0.02])
def test_the_rate_warms_up_over_a_tenth_and_falls_along_a_cosine(alpha):
    received = rates(adamw(200, 8e-3, alpha=alpha), 202)
    np.testing.assert_allclose(received[:21], np.linspace(0, 8e-3, 21), rtol=1e-5)
    cosine = (1 + np.cos(np.pi * np.arange(181) / 180)) / 2
    expected = 8e-3 * ((1 - alpha) * cosine + alpha)
    np.testing.assert_allclose(received[20:201], expected, rtol=1e-4, atol=1e-8)
    assert received[201] == received[200]


@pytest.mark.parametrize("steps", [1, 2, 9])
def test_a_short_training_has_one_step_of_warm_up(steps):
    received = rates(adamw(steps, 0.1), steps + 1)
    np.testing.assert_allclose(received[:2], [0, 0.1], rtol=1e-6)


def test_it_is_the_one_that_lessons_wrote_out():
    """With all that is optional, and with none of it."""
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, 180, alpha=0.02, warmup_target=4e-3, warmup_steps=20
    )
    averaged = keras.optimizers.AdamW(
        schedule, weight_decay=0.02, clipnorm=10.0, use_ema=True, ema_momentum=0.99
    )
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0, decay_steps=180, warmup_target=8e-3, warmup_steps=20
    )
    plain = keras.optimizers.AdamW(schedule, weight_decay=0.05)
    same = adamw(200, 4e-3, alpha=0.02, weight_decay=0.02, clipnorm=10.0, ema_momentum=0.99)
    pairs = [(same, averaged), (adamw(200, 8e-3, weight_decay=0.05), plain)]
    for one, other in pairs:
        # Keras numbers the names.
        assert one.get_config() | {"name": ""} == other.get_config() | {"name": ""}


def test_fit_leaves_averages():
    inputs = keras.Input((1,))
    dense = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")
    model = keras.Model(inputs, dense(inputs))
    model.compile(adamw(20, 0.1, weight_decay=0.0, ema_momentum=0.5), "mse", run_eagerly=True)
    weights = [np.array(1.0)]

    class Record(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            weights.append(keras.ops.convert_to_numpy(dense.kernel).item())

    x = np.ones((20, 1), "float32")
    model.fit(x, 0 * x, batch_size=1, callbacks=[Record()], verbose=0)
    average = weights[0]
    for weight in weights[1:]:
        average = 0.5 * average + 0.5 * weight
    assert weights[-1] != weights[-2]
    np.testing.assert_allclose(dense.kernel, [[average]], rtol=1e-5)


def test_steps_must_be_positive():
    with pytest.raises(ValueError, match="steps of at least 1, received 0"):
        adamw(0, 0.1)


@pytest.mark.parametrize("every", [1, 3])
def test_alternating_steps_are_those_of_two_optimizers(every):
    rng = np.random.default_rng(0)
    start = [rng.normal(size=3) for _ in range(3)]
    grads = rng.normal(size=(7, 3, 3))

    def variables(which):
        return [keras.Variable(start[i], dtype="float32") for i in which]

    def adam(rate, **options):
        return keras.optimizers.Adam(rate, **options)

    both = variables((0, 1, 2))
    optimizer = Alternating(adam(0.1), adam(0.2, use_ema=True, ema_momentum=0.5), 1, every)
    one, others = variables((0,)), variables((1, 2))
    first, second = adam(0.1), adam(0.2, use_ema=True, ema_momentum=0.5)
    for step, each in enumerate(grads.astype("float32"), start=1):
        each = [keras.ops.convert_to_tensor(grad) for grad in each]
        optimizer.apply_gradients(list(zip(each, both, strict=True)))
        first.apply(each[:1], one)
        if step % every == 0:
            second.apply(each[1:], others)
        for a, b in zip(both, [*one, *others], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6)
    assert int(optimizer.iterations) == 7 and int(optimizer.second.iterations) == 7 // every
    optimizer.finalize_variable_values(both)
    second.finalize_variable_values(others)
    for a, b in zip(both, [*one, *others], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_alternating_keeps_its_parts_in_its_config():
    optimizer = Alternating(keras.optimizers.Adam(0.1), keras.optimizers.SGD(0.2), 2, 5)
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert isinstance(again, Alternating) and isinstance(again.second, keras.optimizers.SGD)
    assert again.get_config() == optimizer.get_config()
    optimizer.learning_rate = 0.5
    assert float(optimizer.first.learning_rate) == 0.5
    assert float(optimizer.second.learning_rate) == pytest.approx(0.2)
    same = keras.optimizers.Adam()
    with pytest.raises(ValueError, match="expected two optimizers"):
        Alternating(same, same, 1)
    with pytest.raises(ValueError, match="count=0 and every=1"):
        Alternating(same, keras.optimizers.Adam(), 0)
