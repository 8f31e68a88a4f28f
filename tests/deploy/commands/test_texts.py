"""A model that reads texts: its TextVectorization stays here, its vocabulary goes with it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import deploy
from deploy import DeployError, runtime
from deploy.load.readers import load
from deploy.runtime.__main__ import main
from deploy.runtime.inputs import tokens

GOOD = ["a fine film", "Great fun!", "what a GREAT, fine day", "fun for all", "fine acting, fun"]
BAD = ["a dull film", "Boring...", "what a dull, BORING day", "no fun at all, dull", "it bored us"]
TEXTS = (GOOD + BAD) * 8
LABELS = ([1] * 5 + [0] * 5) * 8
ROOT = Path(__file__).parents[3]
UNSEEN = ["A film, fine & fun", "dull dull DULL", "неизвестно", "no! it's a great\tday", "x " * 90]


def reader(shape=(), **options):
    keras.utils.set_random_seed(3)
    options = {"output_sequence_length": 8} | options
    layer = keras.layers.TextVectorization(**options, name="cut")
    layer.adapt(TEXTS)
    text = keras.Input(shape, dtype="string", name="review")
    x = keras.layers.Embedding(layer.vocabulary_size(), 6, name="table")(layer(text))
    x = keras.layers.Conv1D(8, 3, activation="relu")(x)
    x = keras.layers.GlobalMaxPooling1D()(x)
    x = keras.layers.Dense(2, activation="softmax", name="verdict")(x)
    return keras.Model(text, x, name="reader")


@pytest.fixture(scope="module")
def trained():
    model = reader()
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(tf.constant(TEXTS), np.array(LABELS), epochs=30, verbose=0)
    return model


@pytest.fixture(scope="module")
def bundles(trained, tmp_path_factory):
    out = tmp_path_factory.mktemp("reader") / "out"
    deploy.export(
        trained, ["cpu", "cpu-float"], out=out, calibration=TEXTS, test=(TEXTS[:10], LABELS[:10]),
        class_names=["bad", "good"], verbose=0,
    )  # fmt: skip
    return out


def test_the_device_reads_the_same_texts(trained, bundles):
    expected = trained.predict(tf.constant(TEXTS[:10] + UNSEEN), verbose=0)
    for target, allowed in (("cpu-float", 1e-6), ("cpu", 0.05)):
        device = runtime.load(bundles / target)
        received = [each["probabilities"] for each in device.predict(TEXTS[:10] + UNSEEN)]
        np.testing.assert_allclose(received, expected, atol=allowed)
        one = device.predict(UNSEEN[0])["probabilities"]
        np.testing.assert_array_equal(one, received[10])
    assert np.ptp(expected[:, 1]) > 0.5


def test_the_bundle_holds_the_vocabulary(trained, bundles):
    card = json.loads((bundles / "cpu" / "card.json").read_text("utf-8"))
    (entry,) = card["inputs"]
    assert (entry["name"], entry["shape"], entry["dtype"]) == ("review", [1, 8], "int32")
    pieces = trained.get_layer("cut").get_vocabulary()
    assert entry["front_end"]["vocabulary"]["pieces"] == len(pieces)
    lines = (bundles / "cpu" / "vocabulary.txt").read_text("utf-8").splitlines()
    assert lines == [str(piece) for piece in pieces]
    assert runtime.load(bundles / "cpu").card["inputs"][0]["front_end"]["vocabulary"] == lines
    assert card["quality"]["keras"] == card["quality"]["deployed"] == 1.0
    (bundles / "cpu" / "vocabulary.txt").write_text("\n".join(reversed(lines)) + "\n")
    with pytest.raises(DeployError, match="damaged or replaced"):
        runtime.load(bundles / "cpu")
    (bundles / "cpu" / "vocabulary.txt").write_text("\n".join(lines) + "\n")


def test_verify_takes_texts(bundles, tmp_path):
    np.savez(tmp_path / "test.npz", x=np.array(TEXTS[:20]), y=np.array(LABELS[:20]))
    for name, texts in (("good", GOOD), ("bad", BAD)):
        (tmp_path / "folder" / name).mkdir(parents=True)
        (tmp_path / "folder" / name / "a.txt").write_text("\n".join(texts[:3]))
        (tmp_path / "folder" / name / "b.txt").write_text(texts[3])
    for data, count in ((tmp_path / "test.npz", 20), (tmp_path / "folder", 8)):
        report = deploy.verify(bundles / "cpu", data)
        assert report["passed"] and report["quality"]["deployed"] == 1.0
        assert report["quality"]["examples"] == count


def test_the_command_line_reads_texts(bundles, tmp_path, capsys):
    (tmp_path / "texts.txt").write_text("Great fun!\n\nBoring...\n")
    np.savez(tmp_path / "x.npz", x=np.array(TEXTS[:2]))
    paths = [str(tmp_path / "texts.txt"), str(tmp_path / "x.npz")]
    assert main(["run", str(bundles / "cpu"), "Great fun!", *paths]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.rsplit(" (")[0] for line in lines] == [
        '"Great fun!": good', f"{paths[0]}[0]: good", f"{paths[0]}[1]: bad",
        f"{paths[1]}[0]: good", f"{paths[1]}[1]: good",
    ]  # fmt: skip
    np.savez(tmp_path / "objects.npz", x=np.array(["a", 1], dtype=object))
    for wrong in (" ", "missing.txt", str(tmp_path / "objects.npz")):
        assert main(["run", str(bundles / "cpu"), wrong]) == 2
        assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ("fine fun", None),
        ("неизвестно", "the model's vocabulary has none of its words; the answer knows nothing"),
        ("x " * 50_000, "the model's vocabulary has none of its words"),
        ("fun " * 25_000, "the model reads the first 8 of its 25,000 words; cut it into parts"),
    ],
)
def test_what_a_model_does_not_see_is_answered_with_a_warning(text, warning, bundles, capsys):
    assert main(["run", str(bundles / "cpu"), text]) == 0
    told = capsys.readouterr()
    assert told.out.count("\n") == 1 and told.out.endswith(" %)\n")
    if warning is None:
        assert told.err == ""
    else:
        assert told.err.startswith('deploy.runtime: warning: "') and told.err.count("\n") == 1
        assert warning in told.err


def test_a_terminal_without_the_letters_of_a_text_gets_their_codes(bundles):
    command = [sys.executable, "-m", "deploy.runtime", "run", bundles / "cpu", "fün", b"\xff"]
    ran = subprocess.run(
        command, capture_output=True, cwd=ROOT, env=os.environ | {"PYTHONIOENCODING": "ascii"}
    )
    assert ran.returncode == 0
    first, second = ran.stdout.decode("ascii").splitlines()
    assert first.startswith(r'"f\xfcn": ') and second.startswith(r'"\udcff": ')


@pytest.mark.parametrize("example", [b"bytes", [b"bytes"], "", ["fine", " "], 3, None, [1.5]])
def test_what_is_no_text_is_refused(example, bundles):
    with pytest.raises(DeployError) as error:
        runtime.load(bundles / "cpu").predict(example)
    assert "\n" not in str(error.value)


def test_a_tf_data_pipeline_of_texts_calibrates(trained):
    source = load(trained)
    front_ends = [source.front_ends["review"]]
    expected = np.stack([tokens.to_array(text, front_ends[0], (8,)) for text in TEXTS])
    dataset = tf.data.Dataset.from_tensor_slices((TEXTS, LABELS))
    from deploy.quantize.calibration import calibrate

    for pipeline in (dataset, dataset.batch(32)):
        np.testing.assert_array_equal(
            calibrate(pipeline, source, 0, front_ends).arrays[0], expected
        )
    # Nothing but constants calibrates nothing.
    with pytest.raises(DeployError, match="that differ"):
        calibrate(["fun " * 8] * 4, source, 0, front_ends)


@pytest.mark.parametrize("standardize", [None, "lower", "strip_punctuation"])
@pytest.mark.parametrize(("shape", "split"), [((1,), "whitespace"), ((), "character")])
def test_every_mode_is_cut_off(shape, split, standardize):
    model = reader(shape, split=split, standardize=standardize)
    source = load(model)
    assert [(entry.shape, entry.dtype) for entry in source.inputs] == [((8,), "int32")]
    front_end = source.front_ends["review"]
    x = np.stack([tokens.to_array(text, front_end, (8,)) for text in TEXTS[:10]])
    (received,) = source.predict([x])
    texts = tf.reshape(tf.constant(TEXTS[:10]), (10, *shape))
    np.testing.assert_allclose(received, model.predict(texts, verbose=0), atol=1e-6)


def test_a_sequential_model_from_a_file_is_cut_the_same(tmp_path):
    layer = keras.layers.TextVectorization(output_sequence_length=4, vocabulary=["fine", "dull"])
    layers = [keras.Input((), dtype="string", name="text"), layer, keras.layers.Embedding(4, 3)]
    model = keras.Sequential([*layers, keras.layers.Flatten(), keras.layers.Dense(1)])
    model.save(tmp_path / "model.keras")
    source = load(tmp_path / "model.keras")
    assert source.front_ends["text"]["vocabulary"] == ["", "[UNK]", "fine", "dull"]
    (received,) = source.predict([np.array([[2, 1, 3, 0]], "int32")])
    expected = model.predict(tf.constant(["Fine or dull"]), verbose=0)
    np.testing.assert_allclose(received, expected, atol=1e-6)


def test_texts_stand_beside_numbers():
    layer = keras.layers.TextVectorization(output_sequence_length=4, vocabulary=["fine", "dull"])
    first, second = (keras.Input((), dtype="string", name=name) for name in ("title", "body"))
    stars = keras.Input((1,), name="stars")
    table = keras.layers.Embedding(4, 3)
    flat = [keras.layers.Flatten()(table(layer(text))) for text in (first, second)]
    out = keras.layers.Dense(2, name="out")(keras.layers.Concatenate()([*flat, stars]))
    model = keras.Model([first, stars, second], {"out": out})
    source = load(model)
    assert [entry.name for entry in source.inputs] == ["title", "stars", "body"]
    assert set(source.front_ends) == {"title", "body"} and source.outputs == ("out",)
    (received,) = source.predict(
        [np.array([[2, 0, 0, 0]]), np.array([[4.0]], "float32"), np.array([[3, 1, 0, 0]])]
    )
    given = [tf.constant(["fine"]), np.array([[4.0]]), tf.constant(["dull what"])]
    np.testing.assert_allclose(received, model.predict(given, verbose=0)["out"], atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"output_sequence_length": None}, "set its output_sequence_length"),
        ({"output_mode": "multi_hot", "output_sequence_length": None}, "output_mode 'int'"),
        ({"standardize": tf.strings.upper}, "standardize None or .*, received a function"),
        ({"split": None}, "split 'whitespace' or 'character', received None"),
        ({"ngrams": 2}, "ngrams None, received 2"),
    ],
)
def test_other_modes_are_refused(options, message):
    options = {"output_sequence_length": 8, "vocabulary": ["fine", "dull"]} | options
    layer = keras.layers.TextVectorization(**options)
    text = keras.Input((1,), dtype="string")
    with pytest.raises(DeployError, match=message) as error:
        load(keras.Model(text, layer(text)))
    assert "\n" not in str(error.value)


def test_a_text_that_enters_elsewhere_is_refused():
    layer = keras.layers.TextVectorization(output_sequence_length=8)
    text = keras.Input((1,), dtype="string", name="text")
    with pytest.raises(DeployError, match="with a vocabulary, received 'text_vectorization"):
        load(keras.Model(text, layer(text)))
    inner = keras.Model(text, layer(text), name="inner")
    other = keras.Input((1,), dtype="string", name="other")
    with pytest.raises(DeployError, match=r"behind the text 'other', received 'inner' \(Func"):
        load(keras.Model(other, inner(other)))


def test_floats_are_no_pieces(tmp_path):
    model = keras.Sequential([keras.Input((4,), name="x"), keras.layers.Embedding(3, 2)])
    told = {
        "kind": "tokens", "unit": "word", "lower": True, "strip_punctuation": True, "unknown": 1,
        "vocabulary": ["", "[UNK]", "a"], "start": None, "end": None, "padding": 0, "side": "after",
    }  # fmt: skip
    with pytest.raises(DeployError, match="an input of whole numbers .* received float32 for 'x'"):
        deploy.export(model, "cpu-float", out=tmp_path / "b", front_end=told, verbose=0)
