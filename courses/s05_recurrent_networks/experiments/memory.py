"""How far back a recurrent layer sees: the adding problem, gradients by lag, gates."""

from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

CELLS = {
    "SimpleRNN": keras.layers.SimpleRNN,
    "GRU": keras.layers.GRU,
    "LSTM": keras.layers.LSTM,
}

# Mean squared error of the mean, 1, which the sum of two uniform numbers has: their variances.
KNOWS_NOTHING = 2 / 12


class Gates(NamedTuple):
    """An LSTM's gates over a sequence, each `(steps, units)`, 0 to 1; `cell` has no bounds."""

    input: np.ndarray
    forget: np.ndarray
    output: np.ndarray
    cell: np.ndarray


def adding_problem(examples: int, steps: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Sequences of random numbers, two of them marked, and the sum of these two.

    Returns:
        `(x, y)`: float32 `(examples, steps, 2)`, a number from 0 to 1 and its mark, 0 or 1; one
        mark is in the first half, one in the second. float32 `(examples,)`.

    Source: Hochreiter and Schmidhuber, "Long Short-Term Memory", Neural Computation 9(8), 1997,
    experiment 4; in the form of Le, Jaitly and Hinton, arXiv 1504.00941, section 4.1.
    """
    generator = np.random.default_rng(seed)
    numbers, marks = generator.uniform(size=(examples, steps)), np.zeros((examples, steps))
    every = np.arange(examples)
    marks[every, generator.integers(0, steps // 2, examples)] = 1
    marks[every, generator.integers(steps // 2, steps, examples)] = 1
    y = (numbers * marks).sum(axis=1)
    return np.stack([numbers, marks], axis=-1).astype(np.float32), y.astype(np.float32)


def adding_net(cell: str, steps: int, units: int = 32) -> keras.Model:
    """A recurrent layer and a number: the net that the adding problem is given to."""
    inputs = keras.Input((steps, 2), name="numbers")
    x = CELLS[cell](units, name="recurrent")(inputs)
    return keras.Model(inputs, keras.layers.Dense(1, name="sum")(x), name=cell.lower())


def compare_cells(
    steps: int, *, examples: int, epochs: int, seed: int = 0
) -> dict[str, tuple[keras.Model, list[float]]]:
    """Each cell trained on the adding problem, and its validation error after each epoch."""
    x, y = adding_problem(examples, steps, seed)
    unseen = adding_problem(1000, steps, seed + 1)
    trained = {}
    for cell in CELLS:
        keras.utils.set_random_seed(seed)
        model = adding_net(cell, steps)
        model.compile(keras.optimizers.Adam(5e-3, clipnorm=1.0), "mse", jit_compile=False)
        history = model.fit(x, y, batch_size=32, epochs=epochs, validation_data=unseen, verbose=0)
        trained[cell] = model, history.history["val_loss"]
        print(f"{cell}: mean squared error {trained[cell][1][-1]:.4f}", flush=True)
    return trained


def gradient_by_lag(model: keras.Model, x: np.ndarray) -> np.ndarray:
    """How strongly the output depends on the input some steps earlier.

    Args:
        model: of `adding_net`.
        x: sequences `(examples, steps, 2)`.

    Returns:
        Mean norm of the output's gradient with respect to the input, `(steps,)`, of the last step
        (lag 0) first.
    """
    sequences = tf.convert_to_tensor(x)
    with tf.GradientTape() as tape:
        tape.watch(sequences)
        outputs = model(sequences)
    gradients = tape.gradient(outputs, sequences).numpy()
    return np.linalg.norm(gradients, axis=-1).mean(axis=0)[::-1]


def gates(layer: keras.layers.LSTM, sequence: np.ndarray) -> Gates:
    """What an LSTM's gates do along one sequence `(steps, features)`, from a state of zero."""
    kernel, recurrent_kernel, bias = layer.get_weights()
    h, c = np.zeros(layer.units), np.zeros(layer.units)
    rows = []
    for x in sequence:
        z_i, z_f, z_c, z_o = np.split(x @ kernel + h @ recurrent_kernel + bias, 4)
        i, f, o = (0.5 * (1 + np.tanh(z / 2)) for z in (z_i, z_f, z_o))
        c = f * c + i * np.tanh(z_c)
        h = o * np.tanh(c)
        rows.append((i, f, o, c))
    return Gates(*(np.stack(column) for column in zip(*rows, strict=True)))


def adding_table(errors: dict[str, list[float]], steps: int) -> list[list[str]]:
    """The error of each cell as rows of text, the header first."""
    rows = [["cell", f"mean squared error, {steps} steps", "solved"]]
    rows.append(["always 1", f"{KNOWS_NOTHING:.3f}", "no"])
    for cell, by_epoch in errors.items():
        solved = "yes" if by_epoch[-1] < KNOWS_NOTHING / 10 else "no"
        rows.append([cell, f"{by_epoch[-1]:.4f}", solved])
    return rows
