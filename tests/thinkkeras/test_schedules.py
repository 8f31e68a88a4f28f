"""The one-cycle schedule: its corners in numbers, in an optimizer, saved and loaded."""

import keras
import numpy as np
import pytest

from thinkkeras.schedules import OneCycle, warm_up


def rates(schedule, steps):
    return [float(keras.ops.convert_to_numpy(schedule(step))) for step in steps]


def test_corners_and_middles():
    # 100 steps: up from 0.1 to 1 until 45, down until 90, on to 0.001 at 100, where it stays.
    found = rates(OneCycle(1.0, 100), (0, 15, 45, 75, 90, 95, 100, 1000))
    expected = [0.1, 0.1 + 0.9 / 3, 1.0, 0.1 + 0.9 / 3, 0.1, 0.0505, 0.001, 0.001]
    assert found == pytest.approx(expected, abs=1e-6)


def test_divisor_and_tail_move_the_corners():
    found = rates(OneCycle(0.8, 100, divisor=4, tail=0.5), (0, 25, 50, 75, 100))
    assert found == pytest.approx([0.2, 0.8, 0.2, 0.2 - 0.099, 0.002], abs=1e-6)


def test_without_a_tail_the_cycle_ends_where_it_began():
    found = rates(OneCycle(1.0, 100, tail=0.0), (0, 50, 99, 100))
    assert found == pytest.approx([0.1, 1.0, 0.118, 0.1], abs=1e-6)


def test_an_optimizer_steps_at_these_rates():
    weight = keras.Variable(0.0)
    optimizer = keras.optimizers.SGD(OneCycle(1.0, 10))
    seen = []
    for _ in range(11):
        before = float(keras.ops.convert_to_numpy(weight))
        optimizer.apply([keras.ops.convert_to_tensor(-1.0)], [weight])
        seen.append(float(keras.ops.convert_to_numpy(weight)) - before)
    expected = [0.1, 0.3, 0.5, 0.7, 0.9, 0.9, 0.7, 0.5, 0.3, 0.1, 0.001]
    assert seen == pytest.approx(expected, abs=1e-5)


def test_it_is_saved_with_the_model_and_loaded(tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    schedule = OneCycle(0.5, 40, divisor=5, tail=0.2, name="cycle")
    model.compile(keras.optimizers.Adam(schedule), "mse", jit_compile=False)
    model.fit(np.zeros((4, 2)), np.zeros((4, 1)), verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras").optimizer._learning_rate
    assert isinstance(loaded, OneCycle)
    assert loaded.get_config() == schedule.get_config()
    assert rates(loaded, (0, 16, 36)) == rates(schedule, (0, 16, 36))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"peak_learning_rate": 0.0}, "finite peak_learning_rate above 0, received 0.0"),
        ({"peak_learning_rate": -1.0}, "finite peak_learning_rate above 0, received -1.0"),
        ({"peak_learning_rate": np.nan}, "finite peak_learning_rate above 0, received nan"),
        ({"peak_learning_rate": np.inf}, "finite peak_learning_rate above 0, received inf"),
        ({"steps": 1}, "expected steps of at least 2, a whole number, received 1"),
        ({"steps": 10.5}, "expected steps of at least 2, a whole number, received 10.5"),
        ({"divisor": 0.5}, "expected a finite divisor of at least 1, received 0.5"),
        ({"divisor": np.inf}, "expected a finite divisor of at least 1, received inf"),
        ({"divisor": np.nan}, "expected a finite divisor of at least 1, received nan"),
        ({"tail": np.nan}, "expected a tail of at least 0 and below 1, received nan"),
        ({"tail": 1.0}, "expected a tail of at least 0 and below 1, received 1.0"),
    ],
)
def test_errors_say_what_was_expected(options, message):
    with pytest.raises(ValueError, match=message):
        OneCycle(**{"peak_learning_rate": 1.0, "steps": 10} | options)


def test_a_warm_up_rises_in_a_line_and_stays():
    assert rates(warm_up(10, 4.0), (0, 1, 5, 10, 1000)) == pytest.approx([0, 0.4, 2, 4, 4])
    assert rates(warm_up(1), (0, 1)) == [0, 1]
    with pytest.raises(ValueError, match="steps of at least 1, received 0"):
        warm_up(0)
