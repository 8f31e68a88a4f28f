"""What session 5 trains: front ends, augmentation, strings, words and places that count."""

import keras
import numpy as np
import pytest

from courses.s05_recurrent_networks.experiments import dna, sentiment, speech, translation
from deploy.runtime.inputs import log_mel, sound, tokens
from thinkkeras.datasets import load_recordings, load_sequences, load_translations
from thinkkeras.models import text_classifier


@pytest.fixture(scope="module")
def recordings():
    return load_recordings()[2].of(np.arange(60))


def test_training_hears_what_the_device_hears(recordings):
    x, y = speech.training_spectrograms(recordings, 3, "none")
    assert x.shape == (60, *speech.WORD_SHAPE) and y.tolist() == recordings.labels.tolist()
    first = log_mel.to_array(
        (recordings.samples[0], recordings.rate), speech.FRONT_END, speech.WORD_SHAPE
    )
    assert np.array_equal(x[0], first)


@pytest.mark.parametrize("augmentation", list(speech.CHANGES)[1:])
def test_copies_are_changed_another_way_each(recordings, augmentation):
    x, y = speech.training_spectrograms(recordings, 3, augmentation, seed=2)
    assert x.shape == (180, *speech.WORD_SHAPE) and y.tolist() == recordings.labels.tolist() * 3
    originals, second, third = np.split(x, 3)
    assert np.array_equal(originals, speech.spectrograms(recordings.samples, recordings.rate))
    differences = [np.abs(part - originals).mean() for part in (second, third)]
    assert min(differences) > 0.1 and np.abs(second - third).mean() > 0.1
    again, _ = speech.training_spectrograms(recordings, 3, augmentation, seed=2)
    assert np.array_equal(again, x)


def test_strings_hold_the_symbols_of_ctc(recordings):
    x, y, samples = speech.strings(recordings, 12, seed=1)
    assert x.shape == (12, *speech.STRING_SHAPE) and y.shape == (12, speech.LONGEST_STRING)
    assert y[:, 0].min() >= 1 and y.max() <= 10
    for row, one in zip(y, samples, strict=True):
        count = np.count_nonzero(row)
        assert (row[:count] > 0).all() and (row[count:] == 0).all()
        assert len(one) >= count * 1900


def test_logits_are_decoded_greedily_and_by_prefixes():
    # Two steps: the blank is most probable at each, but the paths to [1] together more so.
    probabilities = np.array([[[0.5, 0.4, 0.1], [0.5, 0.4, 0.1]]])
    logits = np.log(probabilities)
    assert speech.decoded(logits) == [[]]
    assert speech.decoded(logits, beam=5) == [[1]]


def test_symbols_of_the_best_path_begin_at_steps():
    path = [0, 0, 3, 3, 0, 3, 1, 1, 0]
    logits = np.eye(4)[path]
    assert speech.first_steps(logits) == [(2, 3), (5, 3), (6, 1)]
    assert [symbol for _, symbol in speech.first_steps(logits)] == speech.decoded(logits[None])[0]


def test_a_written_recording_is_read_as_it_was(tmp_path):
    samples = np.sin(np.arange(400) / 5) * 1.2
    speech.write_wav(tmp_path / "a.wav", samples, 8000)
    read, rate = sound.as_mono(sound.open_recording(tmp_path / "a.wav"))
    assert rate == 8000 and len(read) == 400
    assert read == pytest.approx(np.clip(samples, -1, 1), abs=1e-4)


def test_a_word_that_alone_decides_has_all_the_weight():
    front_end = sentiment.learn_words(["good film", "bad film", "good good film"], 10)
    assert front_end["vocabulary"][:2] == ["", "[UNK]"]
    assert set(front_end["vocabulary"][2:]) == {"good", "bad", "film"}
    model = text_classifier(4, 5, embedding=2, units=2)
    inputs = keras.Input((4,), dtype="int32")
    good = keras.ops.any(keras.ops.equal(inputs, front_end["vocabulary"].index("good")), axis=1)
    score = keras.ops.cast(keras.ops.expand_dims(good, -1), "float32") * 4 - 2
    model = keras.Model(inputs, keras.ops.sigmoid(score))
    words, weights = sentiment.what_words_say(model, "Good film", front_end, 4)
    assert words == ["good", "film"] and weights == pytest.approx([4, 0], abs=1e-4)


def test_a_place_that_alone_decides_has_all_the_loss():
    inputs = keras.Input((5, 4))
    model = keras.Model(inputs, inputs[:, 2])  # the letter at the third place is the class
    x = np.eye(4, dtype="float32")[[[0, 1, 3, 2, 0], [1, 1, 3, 0, 0]]]
    assert dna.what_places_say(model, x, 3) == pytest.approx([0, 0, 0.75, 0, 0])


def test_pieces_of_dna_are_rows_of_letters():
    pieces = load_sequences()
    rows = dna.rows_of(pieces.letters[:3])
    assert rows.shape == (3, 60, 4) and (rows.sum(axis=2) == 1).all()
    assert "".join("ACGT"[k] for k in rows[1].argmax(axis=1)) == pieces.letters[1]


def test_batches_hold_texts_of_like_length_with_their_next_pieces():
    train, _, _ = load_translations()
    recipe = translation.RECIPES["dates"]
    some = train._replace(source=train.source[:200], target=train.target[:200])
    languages = translation.learn_languages(some, recipe.vocabulary)
    seen = 0
    for (source, previous), following in translation.batches(some, languages, recipe, seed=0):
        assert previous.shape == following.shape and len(source) == len(previous)
        assert np.array_equal(previous[:, 1:], following[:, :-1])
        assert (previous.numpy()[:, 0] == 2).all()
        for row in following.numpy():
            text = tokens.decode([n for n in row if n > 3], languages.target)
            assert text in some.target and 3 in row
        lengths = (source.numpy() > 0).sum(axis=1)
        assert lengths.max() - lengths.min() <= 12
        seen += len(source)
    assert seen == 200


@pytest.mark.slow
@pytest.mark.parametrize("kind", translation.KINDS)
def test_translators_overfit_a_few_pairs(kind):
    train, _, _ = load_translations()
    some = train._replace(source=train.source[:24], target=train.target[:24])
    recipe = translation.RECIPES["dates"]._replace(dropout=0.0, units=32)
    languages = translation.learn_languages(some, 60)
    keras.utils.set_random_seed(0)
    model = translation.build(kind, languages, recipe)
    batches = translation.batches(some, languages, recipe, seed=0)
    translation.compile_translator(model, 800, 1e-2)
    model.fit(batches.repeat(), epochs=1, steps_per_epoch=800, shuffle=False, verbose=0)
    parts = translation.parts_of(model, recipe)
    written = translation.translate(parts, some.source, languages, recipe)
    assert np.mean([a == b for a, b in zip(written, some.target, strict=True)]) > 0.9
