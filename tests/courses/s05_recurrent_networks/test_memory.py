"""What recurrent cells remember: the adding problem, gradients by lag, gates."""

import keras
import numpy as np
import pytest

from courses.s05_recurrent_networks.experiments import memory
from courses.s05_recurrent_networks.plots.memory import adding_errors, gate_maps, gradient_by_lag


def test_two_numbers_are_marked_and_their_sum_is_asked_for():
    x, y = memory.adding_problem(5000, 12, seed=3)
    assert x.shape == (5000, 12, 2) and y.shape == (5000,)
    assert set(np.unique(x[:, :, 1])) == {0, 1}
    halves = x[:, :6, 1].sum(axis=1), x[:, 6:, 1].sum(axis=1)
    assert all((half == 1).all() for half in halves)
    assert (x[:, :, 0] * x[:, :, 1]).sum(axis=1) == pytest.approx(y, abs=1e-6)
    assert np.mean((y - 1) ** 2) == pytest.approx(memory.KNOWS_NOTHING, rel=0.05)


def test_gradients_are_by_lag_the_last_step_first():
    model = memory.adding_net("SimpleRNN", 5, units=3)
    x, _ = memory.adding_problem(2, 5, seed=0)
    norms = memory.gradient_by_lag(model, x)
    layer, last = model.get_layer("recurrent"), model.get_layer("sum")
    kernel, recurrent, _ = layer.get_weights()
    h, by_lag = np.zeros((2, 3)), []
    outputs = []
    for step in range(5):
        h = np.tanh(x[:, step] @ kernel + h @ recurrent)
        outputs.append(h)
    for example in range(2):
        gradient, found = last.get_weights()[0][:, 0], []
        for step in range(4, -1, -1):
            gradient = gradient * (1 - outputs[step][example] ** 2)
            found.append(np.linalg.norm(kernel @ gradient))
            gradient = recurrent @ gradient
        by_lag.append(found)
    assert norms == pytest.approx(np.mean(by_lag, axis=0), rel=1e-4)


def test_gates_give_the_outputs_of_the_layer():
    layer = keras.layers.LSTM(4, return_sequences=True)
    sequence = np.random.default_rng(0).normal(size=(7, 3)).astype("float32")
    outputs = keras.ops.convert_to_numpy(layer(sequence[None]))[0]
    gates = memory.gates(layer, sequence)
    assert gates.output * np.tanh(gates.cell) == pytest.approx(outputs, abs=1e-6)
    assert all(part.shape == (7, 4) for part in gates)
    assert gates.forget.mean() > gates.input.mean()  # Keras starts with the forget gates open.


@pytest.mark.slow
def test_gates_solve_what_a_simple_cell_does_not():
    trained = memory.compare_cells(40, examples=12_800, epochs=3)
    errors = {cell: by_epoch for cell, (_, by_epoch) in trained.items()}
    assert errors["SimpleRNN"][-1] > 0.1 and errors["LSTM"][-1] < 0.01 and errors["GRU"][-1] < 0.01
    assert [row[2] for row in memory.adding_table(errors, 40)] == [
        "solved",
        "no",
        "no",
        "yes",
        "yes",
    ]


def test_figures_show_what_was_measured():
    norms = {"GRU": (np.geomspace(1, 1e-3, 9), np.ones(9))}
    panels = gradient_by_lag(norms).axes
    assert [axes.get_title() for axes in panels] == ["untrained", "trained to add"]
    assert panels[0].lines[0].get_ydata()[-1] == pytest.approx(1e-3)
    assert panels[0].get_yscale() == "log"
    lines = adding_errors({"LSTM": [0.1, 0.01]}).axes[0].lines
    assert list(lines[1].get_ydata()) == [0.1, 0.01]
    gates = memory.Gates(*(np.full((6, 2), value) for value in (0.1, 0.9, 0.5, -1.0)))
    sequence = np.zeros((6, 2))
    sequence[[1, 4], 1] = 1
    figure = gate_maps(gates, sequence)
    shown = [axes for axes in figure.axes if axes.images]
    assert [axes.images[0].get_array().mean() for axes in shown] == pytest.approx(
        [0.1, 0.9, 0.5, -1]
    )
    assert [line.get_xdata()[0] for line in shown[0].lines] == [1, 4]


def test_the_units_that_open_at_the_marks_are_drawn():
    sequence = np.zeros((6, 2))
    sequence[[1, 4], 1] = 1
    opens = np.full((6, 3), [0.2, 0.5, 0.9])
    opens[[1, 4]] = [0.8, 0.7, 0.1]
    cell = np.tile([4.0, -2.0, 1.0], (6, 1))
    cell[0] = 0
    figure = gate_maps(memory.Gates(opens, opens, opens, cell), sequence, units=2)
    pictures = [axes.images[0].get_array() for axes in figure.axes if axes.images]
    assert pictures[0].tolist() == opens[:, :2].T.tolist()
    assert pictures[3][:, 3].tolist() == [1, -1]  # each as a part of its largest
