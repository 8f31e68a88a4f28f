"""Networks that read sequences: sizes, one training step, saving, errors, and int8."""

import keras
import numpy as np
import pytest

import deploy
from thinkkeras.models import crnn, ctc_net, dna_net, text_classifier


def lstm(features, units):
    return 4 * units * (features + units + 1)


# Name: builder, input shape and dtype, output shape, parameters by hand, and what the text says.
MODELS = {
    "crnn": (
        lambda: crnn((61, 40), 10),
        ((61, 40), "float32"),
        (10,),
        9 * (16 + 16 * 32 + 32 * 48) + 4 * (16 + 32 + 48) + lstm(5 * 48, 64) + 650,
        "97,690",
    ),
    "ctc_net": (
        lambda: ctc_net((100, 40), 10, filters=(8, 12), units=16),
        ((100, 40), "float32"),
        (50, 11),
        9 * (8 + 8 * 12) + 4 * 20 + 2 * lstm(10 * 12, 16) + 33 * 11,
        None,
    ),
    "text_classifier": (
        lambda: text_classifier(48, 12_000),
        ((48,), "int32"),
        (1,),
        768_000 + 2 * lstm(64, 64) + 129,
        "834,177",
    ),
    "dna_net": (
        lambda: dna_net(),
        ((60, 4), "float32"),
        (3,),
        9 * 4 * 32 + 32 + 2 * lstm(32, 32) + 3 * (60 * 64 + 1),
        "29,347",
    ),
}


def examples(name, count):
    shape, dtype = MODELS[name][1]
    generator = np.random.default_rng(0)
    if dtype == "int32":
        tokens = generator.integers(1, 12_000, (count, *shape))
        tokens[:, 30:] = 0
        return tokens.astype(dtype)
    return generator.normal(size=(count, *shape)).astype(dtype)


@pytest.mark.parametrize("name", MODELS)
def test_sizes_are_those_counted_by_hand(name):
    build, (shape, dtype), output_shape, parameters, told = MODELS[name]
    model = build()
    assert model.name == name and model.input_shape == (None, *shape)
    assert model.inputs[0].dtype == dtype
    assert model.output_shape == (None, *output_shape)
    assert model.count_params() == parameters
    assert told is None or f"{parameters:,}" == told
    assert (
        told is None
        or told in {"crnn": crnn, "dna_net": dna_net}.get(name, text_classifier).__doc__
    )


@pytest.mark.parametrize("name", MODELS)
def test_one_step_of_training_and_a_file(name, tmp_path):
    model, x = MODELS[name][0](), examples(name, 8)
    losses = {"ctc_net": keras.losses.CTC(), "text_classifier": "binary_crossentropy"}
    model.compile("adam", losses.get(name, "sparse_categorical_crossentropy"), jit_compile=False)
    y = np.array([[1, 2, 0], [3, 3, 0]] * 4) if name == "ctc_net" else np.array([0, 1] * 4)
    before = model.trainable_weights[0].numpy().copy()
    loss = model.train_on_batch(x, y)
    assert np.isfinite(loss) and loss > 0
    assert not np.array_equal(before, model.trainable_weights[0].numpy())
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.predict(x, verbose=0) == pytest.approx(model.predict(x, verbose=0), abs=1e-5)


def test_padding_behind_a_text_has_no_maximum():
    model = text_classifier(8, 50, embedding=4, units=3)
    x = np.array([[4, 7, 9, 0, 0, 0, 0, 0]], "int32")
    both = keras.Model(model.input, model.get_layer("both_ways").output)
    outputs = keras.ops.convert_to_numpy(both(x))[0]
    maximum = keras.Model(model.input, model.get_layer("maximum").output)
    expected = np.maximum(outputs[:3].max(axis=0), 0)
    assert keras.ops.convert_to_numpy(maximum(x))[0] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: crnn((61,), 10), r"expected \(frames, bins\), two positive integers, received"),
        (lambda: crnn((6, 40), 10), "expected images of at least 8x8 pixels"),
        (lambda: ctc_net((61, 40), 0), "expected at least 1 class, received 0"),
        (lambda: dna_net(classes=1), "expected classifier_activation="),
        (lambda: text_classifier(0, 10), r"expected \(length, vocabulary_size\), two positive"),
    ],
)
def test_arguments_out_of_range_are_named(build, message):
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_int8_agrees_on_a_thread_and_on_a_microcontroller(name, tmp_path):
    x = examples(name, 64)
    for card in deploy.export(
        MODELS[name][0](), ("cpu", "cortex-m"), out=tmp_path / "out", calibration=x, verbose=0
    ):
        assert card["parity"]["sqnr_db"] is None or card["parity"]["sqnr_db"] > 25, card["target"]
        assert card["ops"]["UNIDIRECTIONAL_SEQUENCE_LSTM"] >= 1
