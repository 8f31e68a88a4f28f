"""Translators: the step, repeated, says what the trained whole says; sizes; a step of training."""

import keras
import numpy as np
import pytest

from thinkkeras.losses import SmoothedTokenCrossentropy
from thinkkeras.models import (
    attention_translator,
    attention_translator_parts,
    transformer_translator,
    transformer_translator_parts,
)
from thinkkeras.models.translation.transformer_translator import sines

SOURCE, TARGET = 9, 7  # tokens of a text
KINDS = ("additive", "dot_product", "transformer")


def build(kind):
    keras.utils.set_random_seed(1)
    if kind == "transformer":
        model = transformer_translator(30, 40, layers=2, units=16, heads=4, hidden=24, longest=20)
        return model, transformer_translator_parts(model, SOURCE, TARGET)
    model = attention_translator(30, 40, embedding=12, units=16, attention=kind)
    return model, attention_translator_parts(model, SOURCE)


def texts(seed=0):
    generator = np.random.default_rng(seed)
    source = generator.integers(1, 30, (3, SOURCE)).astype("int32")
    source[1, 5:] = 0
    return source, generator.integers(1, 40, (3, TARGET)).astype("int32")


def arrays(outputs):
    return {name: keras.ops.convert_to_numpy(value) for name, value in outputs.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_the_repeated_step_is_the_model_that_was_trained(kind):
    model, parts = build(kind)
    source, previous = texts()
    expected = keras.ops.convert_to_numpy(model([source, previous]))
    assert expected.shape == (3, TARGET, 40) and np.ptp(expected) > 0.02
    encoded, wiring = arrays(parts.encoder(source)), parts.wiring
    given = {taken: encoded[output] for output, taken in wiring["memory"].items()}
    for tensor in parts.decoder.inputs:
        if tensor.name in wiring["state"].values():
            given[tensor.name] = np.zeros((3, *tensor.shape[1:]), "float32")
    for output, taken in wiring.get("initial_state", {}).items():
        given[taken] = encoded[output]
    for step in range(TARGET):
        given[wiring["token"]] = previous[:, step : step + 1]
        if "position" in wiring:
            given[wiring["position"]] = np.full((3, 1), step, "int32")
        outputs = arrays(parts.decoder([given[tensor.name] for tensor in parts.decoder.inputs]))
        assert outputs[wiring["logits"]] == pytest.approx(expected[:, step], abs=1e-5)
        weights = outputs[wiring["attention"]]
        assert weights.sum(axis=1) == pytest.approx(1, abs=1e-5)
        assert weights[1, 5:].max() < 1e-6 and weights.shape == (3, SOURCE)
        given |= {taken: outputs[output] for output, taken in wiring["state"].items()}


@pytest.mark.parametrize("kind", KINDS)
def test_one_text_alone_is_encoded_as_among_others(kind):
    _, parts = build(kind)
    source, _ = texts()
    together = arrays(parts.encoder(source))
    for row in range(len(source)):
        for name, alone in arrays(parts.encoder(source[row : row + 1])).items():
            assert alone == pytest.approx(together[name][row : row + 1], abs=1e-5), name


@pytest.mark.parametrize("kind", KINDS)
def test_padding_behind_a_source_changes_nothing(kind):
    model, _ = build(kind)
    source, previous = texts()
    longer = np.pad(source, ((0, 0), (0, 4)))
    short, long = (keras.ops.convert_to_numpy(model([x, previous])) for x in (source, longer))
    assert long == pytest.approx(short, abs=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_later_tokens_say_nothing_of_earlier_ones(kind):
    model, _ = build(kind)
    source, previous = texts()
    other = previous.copy()
    other[:, 4:] = 7
    first, second = (keras.ops.convert_to_numpy(model([source, x])) for x in (previous, other))
    assert second[:, :4] == pytest.approx(first[:, :4], abs=1e-6)
    assert np.abs(second[:, 4:] - first[:, 4:]).max() > 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_of_training_and_a_file(kind, tmp_path):
    model, _ = build(kind)
    source, previous = texts()
    model.compile("adam", SmoothedTokenCrossentropy(), jit_compile=False)
    losses = [float(model.train_on_batch([source, previous], previous)) for _ in range(20)]
    assert losses[-1] < losses[0] - 0.05
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    found, expected = (
        keras.ops.convert_to_numpy(each([source, previous])) for each in (again, model)
    )
    assert found == pytest.approx(expected, abs=1e-5)
    parts = (transformer_translator_parts if kind == "transformer" else attention_translator_parts)(
        *((again, SOURCE, TARGET) if kind == "transformer" else (again, SOURCE))
    )
    assert parts.encoder.count_params() < again.count_params()


def test_sizes_are_those_counted_by_hand():
    model = attention_translator(100, 200, embedding=8, units=12, attention="additive")
    encoder = 2 * 4 * 6 * (8 + 6 + 1)
    expected = 100 * 8 + 200 * 8 + encoder + 2 * (12 * 12 + 12) + 2 * 12 * 12 + 12
    expected += 4 * 12 * (8 + 12 + 1) + (24 * 12 + 12) + (12 * 200 + 200)
    assert model.count_params() == expected
    model = transformer_translator(100, 200, layers=2, units=8, heads=2, hidden=10, longest=30)
    attention, dense, norm = 4 * 64 + 3 * 8, 8 * 10 + 10 + 10 * 8 + 8, 16
    layers = 2 * (attention + dense + 2 * norm) + 2 * (2 * attention + dense + 3 * norm)
    tables = 100 * 8 + 200 * 8 + 2 * 30 * 8
    assert model.count_params() == tables + layers + 2 * norm + 8 * 200 + 200


def test_positions_are_sines_and_cosines():
    code = sines(50, 6)
    assert code[0].tolist() == [0, 0, 0, 1, 1, 1]
    assert code[7, 1] == pytest.approx(np.sin(7 / 10_000 ** (1 / 3)), abs=1e-6)
    assert code[7, 5] == pytest.approx(np.cos(7 / 10_000 ** (2 / 3)), abs=1e-6)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: attention_translator(30, 40, units=7), "an even number of units"),
        (lambda: attention_translator(30, 40, attention="hard"), "additive or dot_product"),
        (lambda: transformer_translator(30, 40, units=30, heads=4), "the heads are a divisor"),
        (lambda: transformer_translator(0, 40), "expected positive sizes"),
    ],
)
def test_arguments_out_of_range_are_named(build, message):
    with pytest.raises(ValueError, match=message):
        build()
