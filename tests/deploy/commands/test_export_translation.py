"""An encoder and a decoder step in one bundle: they translate as they do in Keras."""

import json
import shutil

import keras
import numpy as np
import pytest

import deploy
from deploy import DeployError, runtime
from deploy.__main__ import main as deploy_main
from deploy.load.readers import load
from deploy.runtime.__main__ import main
from deploy.runtime.inputs import tokens
from deploy.tasks import translation
from tests.deploy import translators
from tests.deploy.translators import SOURCE, SOURCE_LENGTH, TARGET, TARGET_LENGTH

PAIRS = translators.pairs(100)
TEXTS, ANSWERS = translators.pairs(20, seed=9)


def exact_match(ground_truth, predictions):
    return float(
        np.mean([y == each["text"] for y, each in zip(ground_truth, predictions, strict=True)])
    )


@pytest.fixture(scope="module", params=["gru", "transformer"])
def trained(request):
    models, settings = getattr(translators, request.param)()
    translators.train(models, settings, epochs=12)
    return models, settings


@pytest.fixture(scope="module")
def bundle(trained, tmp_path_factory):
    """The float32 bundle, and the cards."""
    models, settings = trained
    out = tmp_path_factory.mktemp("translation") / "out"
    test = deploy.TestData(TEXTS, ANSWERS, exact_match)
    cards = deploy.export_models(
        models, "cpu-float", out=out, pipeline=settings, calibration=PAIRS, test=test, verbose=0
    )
    return out, cards


def keras_greedy(models, settings, text):
    """A loop over the Keras models that shares nothing with the search."""
    encoder, decoder = models["encoder"], models["decoder"]
    row = [SOURCE["vocabulary"].index(word) for word in text.split()][:SOURCE_LENGTH]
    encoded = encoder(np.array([row + [0] * (SOURCE_LENGTH - len(row))], "int32"))
    given = {taken: encoded[output] for output, taken in settings["memory"].items()}
    for tensor in decoder.inputs:
        if tensor.name in settings["state"].values():
            given[tensor.name] = np.zeros((1, *tensor.shape[1:]), "float32")
    for output, taken in settings.get("initial_state", {}).items():
        given[taken] = encoded[output]
    words, before = [], TARGET["start"]
    for step in range(TARGET_LENGTH):
        given[settings["token"]] = np.array([[before]], "int32")
        if "position" in settings:
            given[settings["position"]] = np.array([[step]], "int32")
        outputs = decoder([np.asarray(given[tensor.name]) for tensor in decoder.inputs])
        before = int(np.argmax(outputs[settings["logits"]][0]))
        if before == TARGET["end"]:
            break
        words.append(TARGET["vocabulary"][before])
        for output, taken in settings["state"].items():
            given[taken] = outputs[output]
    return words


def test_it_translates_as_keras_does(trained, bundle):
    models, settings = trained
    device = runtime.load(bundle[0])
    assert isinstance(device, runtime.Translator)
    predictions = device.predict(TEXTS)
    expected = [keras_greedy(models, settings, text) for text in TEXTS]
    assert [each["tokens"] for each in predictions] == expected
    assert [each["text"] for each in predictions] == [" ".join(words) for words in expected]
    # It has learnt something, and the sentences are not all the same.
    assert exact_match(ANSWERS, predictions) > 0.5
    assert all(each["score"] < 0 for each in predictions)
    alone = device.predict(TEXTS[3])
    assert alone["tokens"] == predictions[3]["tokens"]


def test_attention_is_over_the_pieces_of_the_text(trained, bundle):
    found = runtime.load(bundle[0]).predict("The red car sees a house.")
    assert found["source"] == ["the", "red", "car", "sees", "a", "house"]
    if trained[1].get("attention") is None:
        assert found["attention"] is None
        return
    assert found["attention"].shape == (len(found["tokens"]), 6)
    np.testing.assert_allclose(found["attention"].sum(axis=1), 1, atol=1e-4)
    place = found["tokens"].index("rouge")
    assert found["attention"][place].argmax() == 1


def test_the_cards_tell_all(trained, bundle):
    out, cards = bundle
    assert list(cards) == ["encoder", "decoder", "translation"]
    whole = json.loads((out / "card.json").read_text("utf-8"))
    assert whole == cards["translation"]
    assert (whole["models"], whole["task"]) == (["encoder", "decoder"], "translation")
    assert whole["parity"] == {"same": 1.0, "examples": 20, "data": "test data"}
    assert whole["quality"]["metric"] == "exact_match" and whole["quality"]["examples"] == 20
    assert whole["quality"]["keras"] == whole["quality"]["deployed"] > 0.5
    assert whole["params"] == sum(model.count_params() for model in trained[0].values())
    assert whole["translation"]["beam"] == 1
    assert (out / "encoder" / "vocabulary.txt").read_text("utf-8").split("\n")[2:5] == [
        "a", "the", "red",
    ]  # fmt: skip
    assert "rouge\n" in (out / "decoder" / "vocabulary.txt").read_text("utf-8")
    text = (out / "card.md").read_text("utf-8")
    assert "encoder's memory → decoder's memory_in" in text and "100.0 % of 20 texts" in text
    # The decoder's parity is that of the steps of known translations.
    assert cards["decoder"]["parity"]["examples"] == 256


def test_the_command_line_translates(bundle, tmp_path, capsys):
    out, _ = bundle
    (tmp_path / "texts.txt").write_text("\n".join(TEXTS[:2]) + "\n")
    np.savez(tmp_path / "x.npz", x=np.array(TEXTS[:2]))
    files = [str(tmp_path / "texts.txt"), str(tmp_path / "x.npz")]
    assert main(["run", str(out), TEXTS[0].capitalize() + ".", *files]) == 0
    lines = capsys.readouterr().out.splitlines()
    expected = [each["text"] for each in runtime.load(out).predict(TEXTS[:2])]
    assert [line.split(": ")[1] for line in lines] == [expected[0], *expected, *expected]
    assert main(["run", str(out), "the car " * 5000]) == 0
    told = capsys.readouterr()
    assert told.out.startswith('"the car the car') and "first 8 of its 10,000 words" in told.err
    for wrong in (" ", "日本語", "missing.txt", "?!"):
        assert main(["run", str(out), wrong]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    for command in (["--draw", "x.png"], ["--threshold", "0.5"]):
        assert main(["run", str(out), "the car", *command]) == 2
    assert main(["enrol", str(out), "name", "the car"]) == 2
    assert capsys.readouterr().err.count("\n") == 3


@pytest.mark.parametrize("example", [b"the car", "", 3, None, [], ["the car", ""], "кот"])
def test_what_can_not_be_translated_is_refused(example, bundle):
    with pytest.raises(DeployError) as error:
        runtime.load(bundle[0]).predict(example)
    assert "\n" not in str(error.value)


def test_both_models_are_tested_and_verified(bundle, tmp_path, capsys):
    out, cards = bundle
    results = runtime.selftest(out)
    count = sum(len(cards[name]["outputs"]) for name in ("encoder", "decoder"))
    assert len(results) == count and all(result["passed"] for result in results)
    report = deploy.verify(out, deploy.TestData(TEXTS, ANSWERS, exact_match))
    assert report["passed"] and report["same"] == cards["translation"]["parity"]
    assert report["quality"] == cards["translation"]["quality"] and report["loss"] == 0
    np.savez(tmp_path / "test.npz", x=np.array(TEXTS[:5]), y=np.array(ANSWERS[:5]))
    assert deploy_main(["verify", str(out), "--data", str(tmp_path / "test.npz")]) == 0
    said = capsys.readouterr().out
    assert "100.0 % of 5 texts the same as in Keras" in said and "decoder/logits" in said
    assert main(["selftest", str(out)]) == 0
    shutil.copytree(out, tmp_path / "copy")
    recorded = dict(np.load(tmp_path / "copy" / "decoder" / "selftest.npz"))
    recorded["output_0"] = recorded["output_0"] + 1
    np.savez(tmp_path / "copy" / "decoder" / "selftest.npz", **recorded)
    report = deploy.verify(tmp_path / "copy")
    assert not report["passed"] and "output 'decoder/" in report["failures"][0]


def test_a_card_that_is_damaged_is_refused(bundle, tmp_path):
    shutil.copytree(bundle[0], tmp_path / "copy")
    path = tmp_path / "copy" / "card.json"
    card = json.loads(path.read_text("utf-8"))
    for changes, message in (
        ({"task": "chat"}, "tasks of several models translation, received 'chat'"),
        ({"translation": None}, "received NoneType"),
        ({"translation": card["translation"] | {"memory": {}}}, "for each of the decoder's inputs"),
        ({"models": ["encoder"]}, "the models encoder and decoder"),
    ):
        path.write_text(json.dumps(card | changes))
        with pytest.raises(DeployError, match=message):
            runtime.load(tmp_path / "copy")


@pytest.mark.parametrize("target", ["cpu", "cpu-dynamic", "gpu"])
def test_quantized_it_translates_nearly_the_same(target, trained, tmp_path):
    models, settings = trained
    beam = settings | {"beam": 3}
    cards = deploy.export_models(
        models, target, out=tmp_path / "b", pipeline=beam, calibration=PAIRS, verbose=0
    )
    whole = cards["translation"]
    assert whole["parity"]["data"] == "calibration data" and whole["parity"]["examples"] == 100
    assert whole["parity"]["same"] >= 0.9 and whole["quality"] is None
    device, plain = runtime.load(tmp_path / "b"), deploy.tasks.translation
    networks = plain.keras_networks({k: load(m) for k, m in models.items()}, device.settings)
    numbers = np.stack([device.read(text) for text in TEXTS])
    expected = device.search(numbers, networks=networks)
    received = [each["text"] for each in device.predict(TEXTS)]
    texts = [device.prediction(*pair)["text"] for pair in zip(numbers, expected, strict=True)]
    assert np.mean([a == b for a, b in zip(received, texts, strict=True)]) >= 0.9


def test_the_decoder_is_calibrated_by_teacher_forcing():
    models, settings = translators.gru()
    sources = {name: load(model) for name, model in models.items()}
    plan = translation.plan(sources, _without_task(settings), (TEXTS, ANSWERS), 0)
    examples = plan.options["calibration"]["decoder"]
    x, y = plan.pairs
    lengths = [len(text.split()) + 1 for text in y]
    assert len(examples["before"]) == sum(lengths)
    # The first rows are the first steps of all texts, the state that of the encoder.
    assert (examples["before"][:20, 0] == TARGET["start"]).all()
    numbers = np.stack([tokens.to_array(text, SOURCE, (SOURCE_LENGTH,)) for text in x])
    encoded = models["encoder"](numbers)
    np.testing.assert_allclose(examples["h"][:20], encoded["last"], atol=1e-6)
    # The second steps take the first word and the state of the first step.
    first = [TARGET["vocabulary"].index(text.split()[0]) for text in y]
    assert examples["before"][20:40, 0].tolist() == first
    given = [np.full((20, 1), 2), *(encoded[name] for name in ("last", "memory", "mask"))]
    outputs = models["decoder"]([np.asarray(array) for array in given])
    np.testing.assert_allclose(examples["h"][20:40], outputs["new_h"], atol=1e-5)
    longest = [row for row in range(20) if lengths[row] == max(lengths)]
    np.testing.assert_allclose(
        examples["memory_in"][-len(longest) :], encoded["memory"].numpy()[longest], atol=1e-6
    )


def test_an_encoder_may_begin_with_a_text_vectorization():
    models, settings = translators.gru()
    layer = keras.layers.TextVectorization(
        output_sequence_length=SOURCE_LENGTH, vocabulary=list(translators.WORDS)
    )
    text = keras.Input((), dtype="string", name="sentence")
    encoder = keras.Model(text, models["encoder"](layer(text)), name="encoder")
    sources = {"encoder": load(encoder), "decoder": load(models["decoder"])}
    told = {key: value for key, value in _without_task(settings).items() if key != "source"}
    plan = translation.plan(sources, told, PAIRS, 0)
    assert plan.options["front_end"]["encoder"] == [SOURCE]


@pytest.mark.parametrize(
    ("target", "options", "message"),
    [
        ("cortex-m", {}, "the targets cpu, cpu-float, cpu-dynamic, gpu for translation, rec"),
        ("mobile", {}, "received 'mobile'"),
        ("cpu-float", {"calibration": None}, "pairs of training texts .*, received none"),
        ("cpu-float", {"calibration": (["a"], ["une", "la"])}, "two lists of the same length"),
        ("cpu-float", {"calibration": ([[1]], [[2]])}, "a list of texts"),
        ("cpu-float", {"front_end": {}}, "for a pipeline, received 'front_end'"),
        ("cpu-float", {"pipeline": "translation"}, "as a mapping with its task, received str"),
        ("cpu-float", {"pipeline": {"task": "chat"}}, "received 'chat'"),
        ("cpu-float", {"source": None}, "one input with the front end tokens"),
        ("cpu-float", {"target": SOURCE}, "tokens with start and end"),
        ("cpu-float", {"target": {"kind": "image"}}, "source and target of the kind tokens"),
        ("cpu-float", {"state": {"new_h": "hidden"}}, "for each of the decoder's inputs"),
        ("cpu-float", {"logits": "new_h"}, "an output 'new_h' of shape"),
    ],
)
def test_a_pipeline_that_does_not_fit_is_refused(target, options, message, tmp_path):
    models, settings = translators.gru()
    given = {"pipeline": settings, "calibration": PAIRS}
    for name, value in options.items():
        if name in settings:
            given["pipeline"] = given["pipeline"] | {name: value}
        else:
            given[name] = value
    with pytest.raises(DeployError, match=message) as error:
        deploy.export_models(models, target, out=tmp_path / "b", verbose=0, **given)
    assert "\n" not in str(error.value) and list(tmp_path.iterdir()) == []


def _without_task(settings):
    return {key: value for key, value in settings.items() if key != "task"}
