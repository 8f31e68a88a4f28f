# %% [markdown]
# # Session 5: recurrent networks
#
# What: networks that read step by step and remember; why they forget, and what gates do about it;
# and four applications, each from its data to a device: speech, sentiment, DNA, translation.
#
# Why: sound, text and genomes have no fixed length, and their order carries the meaning. A device
# that is to answer a spoken word or a sentence needs the same front end as the training, and a
# form of the network that runs step by step.
#
# From a terminal:
#
#     python -m courses run s05                            # four toys, no download: 100 % in 20 s
#     python -m courses run s05 --dataset spoken_digit     # real speech; the others stay toys
#     python -m courses check s05                          # grades exercises.py
#
# With `--dataset spoken_digit`, `glue/sst2`, `splice` or `multi30k` that one application takes the
# real thing. The generated sets are toys: what a network reaches on them says nothing of speech or
# language.
#
# (Words understood in test data, and the time of that network's training on two cores, busy with
# other work; all trainings together took six minutes. README.md has the tables.)
#
# The theory behind each step is in README.md, under the same headings.

# %%
import keras
import numpy as np

import courses
import deploy
import deploy.runtime
from courses.s05_recurrent_networks.experiments import dna, memory, sentiment, speech, translation
from courses.s05_recurrent_networks.plots import memory as memory_plots
from deploy.bundle.card_text import figures as figures_of
from deploy.measure.formatting import kilobytes, score
from thinkkeras import datasets
from thinkkeras.datasets.recordings import word_strings
from thinkkeras.datasets.sequences import consensus
from thinkkeras.metrics import bleu, error_rate
from thinkkeras.models import crnn
from thinkkeras.plots import (
    attention_map,
    learning_curves,
    sequence_logos,
    spectrograms,
    symbol_probabilities,
    word_weights,
)

settings = courses.settings("s05", dataset="generated", targets=("cpu", "cortex-m"))
keras.utils.set_random_seed(settings.seed)
figures = settings.figures
seconds: dict[str, float] = {}
tables: dict[str, list[list[str]]] = {}
trial = settings.epochs is not None

# What each application reads: a toy, unless its real set is asked for.
names = {"speech": "tones", "sentiment": "templated", "dna": "motifs", "translation": "dates"}
real = {
    "spoken_digit": "speech",
    "glue/sst2": "sentiment",
    "splice": "dna",
    "multi30k": "translation",
}
if settings.dataset in real:
    names[real[settings.dataset]] = settings.dataset
elif settings.dataset != "generated":
    raise SystemExit(
        f"expected the data set generated, {', '.join(real)}, received {settings.dataset}"
    )

# %% [markdown]
# ## What cells remember
#
# Two numbers of a sequence are marked, their sum is asked for. Three recurrent layers of 32 units
# learn it, all else equal: a simple one, a GRU, an LSTM.

# %%
steps = 20 if trial else 30
with courses.timed(seconds, "adding problem"):
    cells = memory.compare_cells(
        steps,
        examples=1600 if trial else 9600,
        epochs=1 if trial else 3,
        seed=settings.seed,
    )
errors = {cell: by_epoch for cell, (_, by_epoch) in cells.items()}
tables["adding"] = memory.adding_table(errors, steps)
memory_plots.adding_errors(errors, figures / "adding_problem.png")

# %% [markdown]
# How far back does the gradient reach, before and after the training?

# %%
sequences = memory.adding_problem(64, steps, seed=settings.seed + 2)[0]
norms = {}
for cell, (taught, _by_epoch) in cells.items():
    keras.utils.set_random_seed(settings.seed)
    norms[cell] = (
        memory.gradient_by_lag(memory.adding_net(cell, steps), sequences),
        memory.gradient_by_lag(taught, sequences),
    )
memory_plots.gradient_by_lag(norms, figures / "gradient_by_lag.png")

# %% [markdown]
# The gates of the LSTM, one by one: it writes at the marks, and keeps between them.

# %%
lstm = cells["LSTM"][0].get_layer("recurrent")
memory_plots.gate_maps(memory.gates(lstm, sequences[0]), sequences[0], figures / "gates.png")

# %% [markdown]
# ## Speech: a word
#
# The log-mel front end is the device's own. What training sees is what the device will compute.

# %%
words = speech.RECIPES[names["speech"]]
if trial:
    words = words._replace(
        epochs=1, strings=64, string_epochs=1, augmentations=("speed, loudness",), left_out=1
    )
recordings = datasets.load_recordings(names["speech"])
train_words, validation_words, test_words = recordings
print(f"{names['speech']}: {[len(part.samples) for part in recordings]} recordings")
one_each = [int(np.flatnonzero(test_words.labels == label)[0]) for label in range(10)]
heard = [test_words.samples[number] for number in one_each]
spectrograms(
    heard,
    speech.spectrograms(heard, test_words.rate),
    test_words.class_names,
    rate=test_words.rate,
    hop=speech.FRONT_END["hop"],
    path=figures / "spectrograms.png",
)

# %% [markdown]
# Convolutions over time and frequency, then an LSTM.

# %%
x, y = speech.training_spectrograms(train_words, words.copies, "speed, loudness", settings.seed)
x_validation = speech.spectrograms(validation_words.samples, validation_words.rate)
x_test = speech.spectrograms(test_words.samples, test_words.rate)
epochs = settings.epochs or words.epochs
model = crnn(speech.WORD_SHAPE, len(train_words.class_names), preprocessing=speech.normalization(x))
model.summary()
speech.compile_for(
    model, "sparse_categorical_crossentropy", epochs * -(-len(x) // 32), words.learning_rate
)
with courses.timed(seconds, "crnn"):
    history = model.fit(
        x,
        y,
        batch_size=32,
        epochs=epochs,
        validation_data=(x_validation, validation_words.labels),
        verbose=2,
    )
model.save(settings.out / "model.keras")
learning_curves(history, figures / "learning_curves.png")
test_accuracy = speech.accuracy(model, test_words)
print(f"{test_accuracy:.2%} of {len(x_test)} test recordings")

# %% [markdown]
# ### What augmentation brings, and how a stranger is understood
#
# Each way to augment trains as many steps; the network above is one of them. Then one speaker after
# the other is left out of the training: the honest question of a device that is sold.

# %%
each, rows = model, [["augmentation", "validation", "test"]]
for name in words.augmentations:
    if name != "speed, loudness":
        with courses.timed(seconds, f"augmentation: {name}"):
            each = speech.trained_on(train_words, words, name, settings.seed)
    shares = [speech.accuracy(each, part) for part in (validation_words, test_words)]
    rows.append([name, *(f"{share:.1%}" for share in shares)])
    print(" | ".join(rows[-1]), flush=True)
tables["augmentation"] = rows
with courses.timed(seconds, "speakers"):
    by_speaker = speech.by_left_out_speaker(recordings, words, "speed, loudness", settings.seed)
mean = float(np.mean(list(by_speaker.values())))
tables["speakers"] = [
    ["speaker left out", *by_speaker, "mean"],
    ["accuracy", *(f"{each:.1%}" for each in by_speaker.values()), f"{mean:.1%}"],
]

# %% [markdown]
# ### A small one
#
# The size of a microcontroller's keyword spotter: at most 30 kB.

# %%
keras.utils.set_random_seed(settings.seed)
small = crnn(
    speech.WORD_SHAPE,
    len(train_words.class_names),
    preprocessing=speech.normalization(x),
    **speech.SMALL,
)
speech.compile_for(
    small, "sparse_categorical_crossentropy", epochs * -(-len(x) // 32), words.learning_rate
)
with courses.timed(seconds, "small crnn"):
    small.fit(x, y, batch_size=32, epochs=epochs, verbose=2)
small.save(settings.out / "small.keras")

# %% [markdown]
# ## Strings of words
#
# Several words of one speaker, joined at random, and nobody says where one ends. CTC sums over all
# ways to place them.

# %%
with courses.timed(seconds, "ctc_net"):
    listener = speech.trained_on_strings(train_words, words, settings.seed, verbose=2)
listener.save(settings.out / "strings.keras")
x_strings, y_strings, string_samples = speech.strings(test_words, 40 if trial else 400, seed=99)
logits = listener.predict(x_strings, verbose=0)
truth = [[int(symbol) for symbol in row if symbol] for row in y_strings]
rows = [["search", "digit error rate", "strings all right"]]
for name, beam in (("greedy", 1), ("beam of 10", 10)):
    found = speech.decoded(logits, beam)
    right = np.mean([a == b for a, b in zip(found, truth, strict=True)])
    rows.append([name, f"{error_rate(found, truth):.1%}", f"{right:.1%}"])
    print(" | ".join(rows[-1]))
tables["strings"] = rows

# %% [markdown]
# One string as the network hears it, and what it makes of each moment: mostly a blank, and where a
# word is sure, its symbol for a step or two.

# %%
longest = int(np.count_nonzero(y_strings, axis=1).argmax())
symbol_probabilities(
    x_strings[longest],
    keras.ops.convert_to_numpy(keras.ops.softmax(logits[longest])),
    ["blank", *test_words.class_names],
    [
        (step, test_words.class_names[symbol - 1])
        for step, symbol in speech.first_steps(logits[longest])
    ],
    rate=speech.FRONT_END["rate"],
    hop=speech.FRONT_END["hop"],
    path=figures / "strings.png",
)

# %% [markdown]
# ## Sentiment
#
# Words become numbers by a vocabulary that will travel in the bundle.

# %%
phrases = sentiment.RECIPES[names["sentiment"]]
if trial:
    phrases = phrases._replace(epochs=1)
known, held_out, judged = datasets.load_sentences(names["sentiment"])
if trial:
    known = known._replace(texts=known.texts[:500], labels=known.labels[:500])
vocabulary = sentiment.learn_words(known.texts, phrases.words)
with courses.timed(seconds, "text_classifier"):
    reader = sentiment.trained(known, vocabulary, phrases, settings.seed, verbose=2)
reader.save(settings.out / "sentiment.keras")
accuracies = [
    sentiment.accuracy(reader, part, vocabulary, phrases.length) for part in (held_out, judged)
]
tables["sentiment"] = [
    ["sentences", "validation", "test"],
    [names["sentiment"], *(f"{each:.1%}" for each in accuracies)],
]
print(" | ".join(tables["sentiment"][1]))

# %% [markdown]
# Which words decided? One after the other is hidden, and the score asked again.

# %%
shown = np.random.default_rng(settings.seed).choice(len(judged.texts), 8, replace=False)
said = [
    sentiment.what_words_say(reader, judged.texts[number], vocabulary, phrases.length)
    for number in shown
]
word_weights(
    [of_words for of_words, _ in said],
    [weights for _, weights in said],
    [judged.class_names[judged.labels[number]] for number in shown],
    figures / "words.png",
)

# %% [markdown]
# ## DNA
#
# EI, IE or neither: ten times, each with another tenth to test on, equal pieces in the same one.

# %%
pieces = datasets.load_sequences(names["dna"])
splices = dna.RECIPES[names["dna"]]
if trial:
    splices = splices._replace(epochs=1, folds=2)
with courses.timed(seconds, "dna_net"):
    by_fold, splicer, tested = dna.cross_validated(pieces, splices, settings.seed)
tables["dna"] = [
    ["pieces", "folds", "accuracy, mean ± deviation", "the worst fold"],
    [
        names["dna"],
        str(len(by_fold)),
        f"{100 * np.mean(by_fold):.1f} ± {100 * np.std(by_fold, ddof=1):.1f} %",
        f"{min(by_fold):.1%}",
    ],
]
print(" | ".join(tables["dna"][1]))
splicer.save(settings.out / "dna.keras")

# %% [markdown]
# What does it look at? Letters as high as they are telling, and what the network loses without
# them.

# %%
x_pieces = dna.rows_of([pieces.letters[number] for number in tested])
of_classes = [pieces.labels[tested] == label for label in (0, 1)]
places = slice(20, 42)
sequence_logos(
    [
        (name, consensus([pieces.letters[tested[k]] for k in np.flatnonzero(chosen)])[places])
        for name, chosen in zip(pieces.class_names, of_classes, strict=False)
    ],
    first=places.start + 1,
    importance=[
        dna.what_places_say(splicer, x_pieces[chosen], label)[places]
        for label, chosen in enumerate(of_classes)
    ],
    path=figures / "consensus.png",
)

# %% [markdown]
# ## Translation
#
# An encoder reads, a decoder with attention writes. Additive and dot-product attention, and a
# Transformer beside them.

# %%
pairs = translation.RECIPES[names["translation"]]
if trial:
    pairs = pairs._replace(epochs=1, transformer_epochs=1)
train_pairs, validation_pairs, test_pairs = datasets.load_translations(names["translation"])
languages = translation.learn_languages(train_pairs, pairs.vocabulary)
batches = translation.batches(train_pairs, languages, pairs, settings.seed)
steps_of_epoch = sum(1 for _ in batches)
translators = {}
rows = [["translator", "parameters", "validation, BLEU", "test, BLEU", "… in small letters"]]
texts = 40 if trial else len(test_pairs.source)
for kind in translation.KINDS[1:2] if trial else translation.KINDS:
    keras.utils.set_random_seed(settings.seed)
    translator = translation.build(kind, languages, pairs)
    passes = pairs.transformer_epochs if kind == "transformer" else pairs.epochs
    translation.compile_translator(translator, passes * steps_of_epoch, pairs.learning_rate)
    with courses.timed(seconds, kind):
        translator.fit(batches, epochs=passes, shuffle=False, verbose=2)
    translators[kind] = translation.parts_of(translator, pairs)
    scores = [
        bleu(
            translation.translate(translators[kind], part.source[:texts], languages, pairs),
            part.target[:texts],
        ).score
        for part in (validation_pairs, test_pairs)
    ]
    written = translation.translate(translators[kind], test_pairs.source[:texts], languages, pairs)
    small_letters = bleu(written, test_pairs.target[:texts], lowercase=True)
    rows.append(
        [
            kind.replace("_", " "),
            f"{translator.count_params():,}",
            *(f"{score:.1f}" for score in scores),
            f"{small_letters.score:.1f}",
        ]
    )
    print(" | ".join(rows[-1]), flush=True)
tables["translation"] = rows

# %% [markdown]
# ## To the device
#
# Five bundles: a word, a small one for a word, a string of words, a sentence, a piece of DNA; and
# the translator, a bundle of two.
#
#     python -m deploy.runtime run OUT/deploy/cpu/speech OUT/word.wav
#     python -m deploy.runtime run OUT/deploy/cpu/speech OUT/words.wav --stream
#     python -m deploy.runtime run OUT/deploy/cpu/strings OUT/string.wav
#     python -m deploy.runtime run OUT/deploy/cpu/sentiment "the plot is not dull"
#     python -m deploy.runtime run OUT/deploy/cpu/dna OUT/pieces.fasta
#     python -m deploy.runtime run OUT/deploy/cpu-dynamic/translation "the third of May 2001"

# %%
cards = courses.export(
    settings,
    settings.out / "model.keras",
    "speech",
    calibration=x[:384],
    class_names=test_words.class_names,
    front_end=speech.FRONT_END,
    task={"task": "classification", "stream": speech.STREAM},
    test=(x_test, test_words.labels),
)
small_cards = courses.export(
    settings,
    settings.out / "small.keras",
    "small",
    calibration=x[:384],
    class_names=test_words.class_names,
    front_end=speech.FRONT_END,
    test=(x_test, test_words.labels),
)
tables["small"] = figures_of(small_cards)
string_cards = courses.export(
    settings,
    settings.out / "strings.keras",
    "strings",
    calibration=speech.strings(train_words, 200, seed=98)[0],
    class_names=test_words.class_names,
    front_end=speech.FRONT_END,
    task={"task": "transcription", "beam": 10},
    test=(x_strings, y_strings),
)
tables["strings_deployed"] = figures_of(string_cards)

# %%
x_judged = sentiment.numbers_of(judged.texts, vocabulary, phrases.length)
x_known = sentiment.numbers_of(known.texts[:400], vocabulary, phrases.length)
sentiment_cards = courses.export(
    settings,
    settings.out / "sentiment.keras",
    "sentiment",
    calibration=x_known,
    class_names=judged.class_names,
    front_end=vocabulary,
    test=(x_judged, judged.labels),
)
tables["sentiment_deployed"] = figures_of(sentiment_cards)
untested = np.setdiff1d(np.arange(len(pieces.letters)), tested)
some = np.random.default_rng(settings.seed).choice(untested, 400, replace=False)
dna_cards = courses.export(
    settings,
    settings.out / "dna.keras",
    "dna",
    calibration=dna.rows_of([pieces.letters[number] for number in some]),
    class_names=pieces.class_names,
    front_end=dna.FRONT_END,
    test=(x_pieces, pieces.labels[tested]),
)
tables["dna_deployed"] = figures_of(dna_cards)

# %% [markdown]
# The translator goes where a CPU is: weights in eight bits, what is computed in float.

# %%
kind, parts = next(iter(translators.items()))
translating = deploy.export_models(
    {"encoder": parts.encoder, "decoder": parts.decoder},
    "cpu-dynamic",
    out=settings.out / "deploy" / "cpu-dynamic" / "translation",
    pipeline={
        "task": "translation",
        **translation.settings_of(parts, pairs),
        "source": languages.source,
        "target": languages.target,
    },
    calibration=(train_pairs.source[:256], train_pairs.target[:256]),
    test=deploy.TestData(
        test_pairs.source[:texts],
        test_pairs.target[:texts],
        translation.bleu_score,
    ),
    seed=settings.seed,
    overwrite=True,
)

quality = translating["translation"]["quality"]
tables["translation_deployed"] = [
    ["target", "Keras BLEU", "deployed", "encoder", "decoder"],
    [
        "cpu-dynamic",
        *(score(quality, each) for each in ("keras", "deployed")),
        *(kilobytes(translating[each]["size_bytes"]) for each in ("encoder", "decoder")),
    ],
]

# %% [markdown]
# ### On the device
#
# A long recording, heard as it goes; a sentence, pieces of DNA, a translation. What is heard and
# read is kept as files for the command line.

# %%
on_device = deploy.runtime.load(settings.out / "deploy" / settings.targets[0] / "speech")
(said_string,), (said_words,) = word_strings(test_words, 1, words=(5, 5), gap=(0.6, 1.0), seed=4)
print("said:  ", *(test_words.class_names[word] for word in said_words))
speech.write_wav(settings.out / "words.wav", said_string, test_words.rate)
speech.write_wav(settings.out / "string.wav", string_samples[longest], test_words.rate)
speech.write_wav(settings.out / "word.wav", test_words.samples[0], test_words.rate)
blocks = np.array_split(said_string, 20)
events = deploy.runtime.stream(on_device, blocks)
print("heard: ", *(event.text for event in events))
word = on_device.predict(settings.out / "word.wav")
print(test_words.class_names[test_words.labels[0]], "→", word["label"])
hearing = deploy.runtime.load(settings.out / "deploy" / settings.targets[0] / "strings")
text = hearing.predict(settings.out / "string.wav")["text"]
print(*(test_words.class_names[symbol - 1] for symbol in truth[longest]), "→", text)
reading = deploy.runtime.load(settings.out / "deploy" / settings.targets[0] / "sentiment")
print(judged.texts[0], "→", reading.predict(judged.texts[0])["label"])
first = tested[:5]
(settings.out / "pieces.fasta").write_text(
    "".join(f">{pieces.class_names[pieces.labels[k]]}\n{pieces.letters[k]}\n" for k in first)
)
telling = deploy.runtime.load(settings.out / "deploy" / settings.targets[0] / "dna")
for k in first:
    found = telling.predict(pieces.letters[k])
    print(pieces.class_names[pieces.labels[k]], "→", found["label"])
writing = deploy.runtime.load(settings.out / "deploy" / "cpu-dynamic" / "translation")
sentence = next(text for text in test_pairs.source if len(text) > 30)
answer = writing.predict(sentence)
print(sentence, "→", answer["text"])
attention_map(
    answer["attention"], answer["source"], answer["tokens"], path=figures / "attention.png"
)

# %% [markdown]
# ## The verdict

# %%
tables["trainings"] = [
    ["training", "seconds"],
    *([name, f"{duration:.0f}"] for name, duration in seconds.items()),
    ["together", f"{sum(seconds.values()):.0f}"],
]
courses.write_metrics(
    settings,
    cards,
    dataset=settings.dataset,
    epochs=epochs,
    parameters=model.count_params(),
    training_seconds=round(seconds["crnn"], 1),
    history=history.history,
    test_accuracy=cards[0]["quality"]["keras"],
    tables=tables,
)

# %% [markdown]
# ## What was learnt
#
# - A recurrent layer reads any length with the same weights; its gradient passes through each step.
# - Gates hold on to what counts. On a device an LSTM is one operator, a GRU is many.
# - The front end belongs to the model: one definition for training and device.
# - CTC learns strings without knowing where their parts lie; attention learns where to look.
# - A test on speakers, phrases or genes that were trained on is easier than life.
#
# Now open `exercises.py`: each of these steps is there to be written by hand.
