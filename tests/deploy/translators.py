"""Two tiny translators of a made-up language: a GRU with attention, and a Transformer whose decoder
keeps the keys and values of the steps before."""

import keras
import numpy as np

SOURCE_LENGTH, TARGET_LENGTH = 8, 9
# Word for word, and the words after a colour swap with it, as in French.
WORDS = {
    "a": "une", "the": "la", "red": "rouge", "blue": "bleue", "green": "verte", "car": "voiture",
    "house": "maison", "table": "table", "sees": "voit", "and": "et", "big": "grande",
}  # fmt: skip
COLOURS = ("red", "blue", "green")

SPECIAL = ["", "[UNK]", "[start]", "[end]"]
SOURCE = {
    "kind": "tokens", "unit": "word", "lower": True, "strip_punctuation": True, "unknown": 1,
    "vocabulary": [*SPECIAL[:2], *WORDS], "start": None, "end": None, "padding": 0, "side": "after",
}  # fmt: skip
TARGET = SOURCE | {"vocabulary": [*SPECIAL, *WORDS.values()], "start": 2, "end": 3}


def pairs(count, seed=0):
    """Sentences and their translations."""
    generator = np.random.default_rng(seed)
    nouns = ["car", "house", "table"]

    def phrase():
        words = [str(generator.choice(["a", "the"]))]
        if generator.random() < 0.6:
            words.append(str(generator.choice(COLOURS)))
        return [*words, str(generator.choice(nouns))]

    sentences = []
    for _ in range(count):
        words = phrase()
        if generator.random() < 0.6:
            words += [str(generator.choice(["sees", "and"])), *phrase()]
        sentences.append(words)
    return [" ".join(words) for words in sentences], [translated(words) for words in sentences]


def translated(words):
    words = list(words)
    for place, word in enumerate(words[:-1]):
        if word in COLOURS:
            words[place], words[place + 1] = words[place + 1], words[place]
            break
    return " ".join(WORDS[word] for word in words)


def gru(units=16):
    """An encoder, a decoder step, and how they fit."""
    keras.utils.set_random_seed(0)
    layers, ops = keras.layers, keras.ops
    text = keras.Input((SOURCE_LENGTH,), dtype="int32", name="text")
    x = layers.Embedding(len(SOURCE["vocabulary"]), units)(text)
    x, last = layers.GRU(units, return_sequences=True, return_state=True)(x)
    mask = ops.cast(ops.not_equal(text, 0), "float32")
    encoder = keras.Model(text, {"memory": x, "last": last, "mask": mask}, name="encoder")

    before = keras.Input((1,), dtype="int32", name="before")
    memory = keras.Input((SOURCE_LENGTH, units), name="memory_in")
    given = keras.Input((SOURCE_LENGTH,), name="mask_in")
    h = keras.Input((units,), name="h")
    x = layers.Flatten()(layers.Embedding(len(TARGET["vocabulary"]), units)(before))
    x = layers.Concatenate()([x, h])
    update = layers.Dense(units, activation="sigmoid")(x)
    candidate = layers.Dense(units, activation="tanh")(x)
    kept = layers.Multiply()([update, h])
    added = layers.Multiply()([1.0 - update, candidate])
    new = layers.Add(name="new_h")([kept, added])
    query = layers.Reshape((1, units))(layers.Dense(units)(new))
    scores = layers.Flatten()(layers.Dot(2)([query, memory]))
    scores = layers.Add()([scores, (given - 1.0) * 30.0])
    weights = layers.Softmax(name="weights")(scores)
    context = layers.Flatten()(layers.Dot(1)([layers.Reshape((SOURCE_LENGTH, 1))(weights), memory]))
    logits = layers.Dense(len(TARGET["vocabulary"]), name="logits")(
        layers.Concatenate()([new, context])
    )
    outputs = {"logits": logits, "new_h": new, "weights": weights}
    decoder = keras.Model([before, h, memory, given], outputs, name="decoder")
    return {"encoder": encoder, "decoder": decoder}, {
        "task": "translation", "source": SOURCE, "target": TARGET,
        "memory": {"memory": "memory_in", "mask": "mask_in"}, "state": {"new_h": "h"},
        "initial_state": {"last": "h"}, "token": "before", "logits": "logits",
        "attention": "weights", "max_length": TARGET_LENGTH,
    }  # fmt: skip


def transformer(units=16):
    """The same with attention alone: the state is the keys and values of the steps before."""
    keras.utils.set_random_seed(1)
    layers = keras.layers
    text = keras.Input((SOURCE_LENGTH,), dtype="int32", name="text")
    x = layers.Embedding(len(SOURCE["vocabulary"]), units)(text)
    x = layers.Conv1D(units, 3, padding="same", activation="tanh")(x)
    encoder = keras.Model(text, {"memory": x}, name="encoder")

    before = keras.Input((1,), dtype="int32", name="before")
    position = keras.Input((1,), dtype="int32", name="position")
    memory = keras.Input((SOURCE_LENGTH, units), name="memory_in")
    keys = keras.Input((TARGET_LENGTH, units), name="keys")
    values = keras.Input((TARGET_LENGTH, units), name="values")
    x = layers.Embedding(len(TARGET["vocabulary"]), units)(before)
    x = layers.Add()([x, layers.Embedding(TARGET_LENGTH, units)(position)])  # (1, units)
    # The row of this step, and the rows up to it.
    rows = np.eye(TARGET_LENGTH, dtype="float32")
    now = _table(rows, "now")(position)  # (1, T)
    past = _table(np.tril(np.ones_like(rows)), "past")(position)
    column = layers.Reshape((TARGET_LENGTH, 1))(now)
    new = {}
    for name, cache in (("keys", keys), ("values", values)):
        added = layers.Multiply()([column, layers.Dense(units)(x)])
        new[name] = layers.Add(name=f"new_{name}")([cache, added])
    scores = layers.Dot(2)([layers.Dense(units)(x), new["keys"]])  # (1, T)
    scores = layers.Add()([scores, (past - 1.0) * 30.0])
    own = layers.Dot((2, 1))([layers.Softmax()(scores), new["values"]])
    x = layers.Add()([x, own])
    weights = layers.Softmax()(layers.Dot(2)([layers.Dense(units)(x), memory]))
    context = layers.Dot((2, 1))([weights, memory])
    x = layers.Flatten()(layers.Add()([x, layers.Dense(units, activation="relu")(context)]))
    logits = layers.Dense(len(TARGET["vocabulary"]), name="logits")(x)
    outputs = {"logits": logits, "new_keys": new["keys"], "new_values": new["values"]}
    decoder = keras.Model([before, position, memory, keys, values], outputs, name="decoder")
    return {"encoder": encoder, "decoder": decoder}, {
        "task": "translation", "source": SOURCE, "target": TARGET,
        "memory": {"memory": "memory_in"}, "token": "before", "position": "position",
        "state": {"new_keys": "keys", "new_values": "values"}, "logits": "logits",
        "max_length": TARGET_LENGTH,
    }  # fmt: skip


def _table(rows, name):
    constant = keras.initializers.Constant(rows)
    return keras.layers.Embedding(
        len(rows), rows.shape[1], embeddings_initializer=constant, trainable=False, name=name
    )


def train(models, settings, epochs=40):
    """Teacher forcing, all steps of the decoder in one model."""
    from deploy.runtime.inputs import tokens

    x, y = pairs(256)
    numbers = np.stack([tokens.to_array(text, SOURCE, (SOURCE_LENGTH,)) for text in x])
    answers = np.stack([tokens.to_array(text, TARGET, (TARGET_LENGTH + 1,)) for text in y])
    text = keras.Input((SOURCE_LENGTH,), dtype="int32")
    known = keras.Input((TARGET_LENGTH,), dtype="int32")
    encoded = models["encoder"](text)
    memory = {taken: encoded[output] for output, taken in settings["memory"].items()}
    state = {}
    for output, taken in settings["state"].items():
        del output
        shape = next(t.shape[1:] for t in models["decoder"].inputs if t.name == taken)
        start = keras.layers.Lambda(
            lambda t, shape=shape: keras.ops.zeros((keras.ops.shape(t)[0], *shape)),
            output_shape=shape,
        )
        state[taken] = start(text)
    for output, taken in settings.get("initial_state", {}).items():
        state[taken] = encoded[output]
    steps = []
    for step in range(TARGET_LENGTH):
        given = {settings["token"]: known[:, step : step + 1]} | memory | state
        if settings.get("position"):
            given[settings["position"]] = known[:, step : step + 1] * 0 + step
        outputs = models["decoder"]([given[t.name] for t in models["decoder"].inputs])
        state = {taken: outputs[output] for output, taken in settings["state"].items()}
        steps.append(outputs[settings["logits"]])
    whole = keras.Model([text, known], keras.ops.stack(steps, axis=1))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=0)
    whole.compile(keras.optimizers.Adam(0.01), loss)
    whole.fit([numbers, answers[:, :-1]], answers[:, 1:], epochs=epochs, batch_size=32, verbose=0)
