"""Texts as the numbers of their pieces: words as Keras cuts them, subwords that join again."""

import json

import keras
import numpy as np
import pytest

from deploy import DeployError
from deploy.runtime.inputs import prepare, tokens, vocabulary
from deploy.runtime.inputs.files import kind_of, read_examples

TEXTS = [
    "The cat sat on the mat.",
    "  tabs\tand\nlines \r\n and\v more \f  ",
    "It's HERE: (really?) [yes] {no} <3 a_b `c` ~d |e| \\f ^g",
    'don\'t-stop... 50% #1 $2 & *star* +4 = @home; "quoted"',
    "ÉCOLE école Straße İstanbul ΣΊΣΥΦΟΣ 日本語 текст",
    "no\u00a0break thin\u2009space line\u2028break next\u0085line unit\x1fsep",
    "emoji 🚲 e\u0301 combining ﬁ ligature 「quotes」 – — … ¿",
    "word " * 40,
    "[UNK] the [start] mat [end]",
]
MODES = [None, "lower", "strip_punctuation", "lower_and_strip_punctuation"]
WORDS = {
    "kind": "tokens", "unit": "word", "lower": True, "strip_punctuation": True, "unknown": 1,
    "vocabulary": ["", "[UNK]", "the", "cat", "sat", "<s>", "</s>"], "start": None, "end": None,
    "padding": 0, "side": "after",
}  # fmt: skip
PIECES = [
    "<pad>",
    "<unk>",
    "<s>",
    "</s>",
    "▁",
    "▁un",
    "▁bicycl",
    "e",
    "able",
    "a",
    "▁a",
    "▁é",
    "bl",
]
SUBWORDS = WORDS | {
    "unit": "subword", "strip_punctuation": False, "vocabulary": PIECES, "start": 2, "end": 3,
}  # fmt: skip


@pytest.mark.parametrize("split", ["whitespace", "character"])
@pytest.mark.parametrize("standardize", MODES)
def test_words_and_characters_are_those_of_keras(split, standardize):
    layer = keras.layers.TextVectorization(
        standardize=standardize, split=split, output_sequence_length=30
    )
    # Half of the texts, so that some pieces are unknown.
    layer.adapt(TEXTS[::2])
    front_end = WORDS | {
        "unit": "word" if split == "whitespace" else "character",
        "lower": "lower" in (standardize or ""),
        "strip_punctuation": "strip" in (standardize or ""),
        "vocabulary": [str(piece) for piece in layer.get_vocabulary()],
    }
    received = np.stack([tokens.to_array(text, front_end, (30,)) for text in TEXTS])
    np.testing.assert_array_equal(received, layer(TEXTS))
    # Unknown pieces, known ones and the padding are all among them.
    assert {0, 1, 2} <= set(received.ravel().tolist()) and received.dtype == np.int32


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("unable", ["▁un", "able"]),
        # Greedy: the longest piece first, whatever is left then.
        ("a ablbl", ["▁a", "▁a", "bl", "bl"]),
        ("Bicycle  UNABLE", ["▁bicycl", "e", "▁un", "able"]),
        ("É", ["▁é"]),
        ("un\u00a0a", ["▁un", "▁a"]),
        # What no piece covers is unknown, neighbours once.
        ("xyze", ["▁", "<unk>", "e"]),
        ("axez", ["▁a", "<unk>", "e", "<unk>"]),
        # No text spells a special piece.
        ("a<s>", ["▁a", "<unk>"]),
        ("日本語", ["▁", "<unk>"]),
    ],
)
def test_subwords_are_the_longest_from_the_left(text, pieces):
    numbers = [PIECES.index(piece) for piece in pieces]
    assert tokens.encode(text, SUBWORDS) == [2, *numbers, 3]
    assert tokens.pieces_of([2, *numbers, 3, 0], SUBWORDS) == pieces


@pytest.mark.parametrize("text", ["a bicycle", "unable é a", "ablebl a"])
def test_joined_subwords_are_the_text(text):
    assert tokens.decode(tokens.encode(text, SUBWORDS), SUBWORDS) == text
    assert tokens.decode([2, 5, 1, 3, 0, 0], SUBWORDS) == "un<unk>"


def test_words_and_characters_join_again():
    numbers = tokens.encode("The cat sat, unseen!", WORDS)
    assert numbers == [2, 3, 4, 1]
    assert tokens.decode([*numbers, 0, 0], WORDS) == "the cat sat [UNK]"
    letters = WORDS | {"unit": "character", "vocabulary": ["", "[UNK]", " ", "a", "b"]}
    assert tokens.encode("a bc", letters) == [3, 2, 4, 1]
    assert tokens.decode([3, 2, 4, 0], letters) == "a b"


@pytest.mark.parametrize(
    ("changes", "length", "expected"),
    [
        ({}, 5, [2, 3, 4, 0, 0]),
        ({}, 2, [2, 3]),
        ({"side": "before"}, 5, [0, 0, 2, 3, 4]),
        ({"side": "before"}, 2, [2, 3]),
        ({"start": 5, "end": 6}, 6, [5, 2, 3, 4, 6, 0]),
        # The end stays where the text is cut.
        ({"start": 5, "end": 6}, 4, [5, 2, 3, 6]),
        ({"start": 5}, 2, [5, 2]),
        ({"start": 5, "end": 6}, 1, [6]),
        ({"padding": 4}, 5, [2, 3, 1, 4, 4]),
    ],
)
def test_a_text_is_cut_and_padded(changes, length, expected):
    front_end = WORDS | changes
    tokens.check(front_end, (length,))
    received = prepare("the cat sat", front_end, (length,))
    assert received.tolist() == expected and received.dtype == np.int32


def test_ten_thousand_words_are_cut():
    assert tokens.to_array("the cat " * 5000, WORDS, (3,)).tolist() == [2, 3, 2]
    assert len(tokens.encode("unable" * 10_000, SUBWORDS)) == 2 + 1 + 10_000 * 2 - 1


def test_another_alphabet_is_unknown():
    assert tokens.to_array("кот сидит", WORDS, (4,)).tolist() == [1, 1, 0, 0]


LETTERS = WORDS | {"unit": "character", "vocabulary": ["", "[UNK]", " ", "a", "b"]}


@pytest.mark.parametrize(
    ("text", "front_end", "warning"),
    [
        ("the cat sat", WORDS, None),
        ("the кот", WORDS, None),
        ("кот сидит", WORDS, "has none of its words"),
        # What stands between words says nothing.
        ("日本 語", SUBWORDS, "has none of its subwords"),
        ("a", SUBWORDS, None),
        ("日 本", LETTERS, "has none of its characters"),
        ("日 a", LETTERS, None),
        # Nothing that the model reads of it.
        ("кот сидит и the cat", WORDS, "has none of its words"),
        ("the cat sat sat", WORDS, "reads the first 3 of its 4 words; cut it into parts"),
        ("the cat " * 12_500, WORDS, "reads the first 3 of its 25,000 words"),
        ("a a", SUBWORDS, "reads the first 1 of its 2 subwords"),
        ("a" * 100_000, LETTERS, "reads the first 3 of its 100,000 characters"),
    ],
)
def test_of_what_the_model_does_not_see_there_is_a_warning(text, front_end, warning):
    received = tokens.warning(text, front_end, (3,))
    assert received is None if warning is None else warning in received


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a text with words, received ''"),
        (" \t\n", "a text with words, received"),
        ("?! ...", "a text with words, received '.*', which is empty or nothing but white space"),
        (b"the cat", r"a text, received bytes; decode it, text.decode\(\"utf-8\"\)"),
        (7, "a text, received int; give a string"),
        (None, "a text, received NoneType"),
    ],
)
def test_what_is_no_text_is_refused(text, message):
    with pytest.raises(DeployError, match=message) as error:
        tokens.encode(text, WORDS)
    assert "\n" not in str(error.value)


def test_numbers_of_no_piece_are_refused():
    with pytest.raises(DeployError, match="from 0 to 6, received 7"):
        tokens.decode([2, 7], WORDS)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"vocabulary": ["", "a", "a"]}, "3 pieces, 1 of them again"),
        ({"vocabulary": [""]}, "1 pieces"),
        ({"vocabulary": "abc"}, "a list of texts"),
        ({"vocabulary": ["", 3]}, "a list of texts"),
        ({"vocabulary": ["", "\ud800"]}, "in UTF-8"),
        ({"unit": "sentence"}, "unit word or character or subword for"),
        ({"side": "left"}, "side after or before"),
        ({"lower": 1}, "lower true or false"),
        ({"unknown": None}, "unknown as a number from 0 to 6 .*, received None"),
        ({"padding": 7}, "padding as a number from 0 to 6 .*, received 7"),
        ({"start": -1}, "start as a number"),
        ({"end": True}, "end as a number"),
        ({"stem": True}, "an unknown one called 'stem'"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(DeployError, match=message) as error:
        tokens.check(WORDS | changes, (5,))
    assert "\n" not in str(error.value)


def test_missing_parameters_and_other_inputs_are_refused():
    with pytest.raises(DeployError, match="none called 'end'"):
        tokens.check({key: value for key, value in WORDS.items() if key != "end"}, (5,))
    with pytest.raises(DeployError, match=r"an input \(length,\) .*, received \(5, 2\)"):
        tokens.check(WORDS, (5, 2))


AWKWARD = [
    "",
    "[UNK]",
    " ",
    "\n",
    "\\n",
    "\\",
    "\r",
    "\\\n",
    "▁é",
    "\u2028",
    "\ufeff",
    "日",
    "#",
    " a ",
]


def test_the_vocabulary_travels_in_a_file(tmp_path):
    entries = [
        {"name": name, "front_end": front_end}
        for name, front_end in (
            ("a", WORDS | {"vocabulary": AWKWARD}),
            ("b", {"kind": "array"}),
            ("c", WORDS),
            ("d", WORDS | {"lower": False}),
        )
    ]
    named, files = vocabulary.split_off(entries)
    told = [entry["front_end"].get("vocabulary", {}).get("file") for entry in named]
    assert told == ["vocabulary.txt", None, "vocabulary_2.txt", "vocabulary_2.txt"]
    assert files["vocabulary_2.txt"].decode().splitlines() == WORDS["vocabulary"]
    assert files["vocabulary.txt"].count(b"\n") == len(AWKWARD)
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    assert vocabulary.fill_in(json.loads(json.dumps(named)), tmp_path) == entries


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda file: file.unlink(), "a vocabulary in '.*', received none"),
        (lambda file: file.write_bytes(b"\n[UNK]\ncat\nthe\nsat\n<s>\n</s>\n"), "another one of 7"),
        (lambda file: file.write_bytes(file.read_bytes()[:-5]), "7 pieces .* another one of 6"),
        (lambda file: file.write_bytes(b"\xff\xfe\x00"), "received none: 'utf-8' codec"),
    ],
)
def test_a_damaged_vocabulary_is_refused(spoil, message, tmp_path):
    named, files = vocabulary.split_off([{"name": "a", "front_end": WORDS}])
    (tmp_path / "vocabulary.txt").write_bytes(files["vocabulary.txt"])
    spoil(tmp_path / "vocabulary.txt")
    with pytest.raises(DeployError, match=message):
        vocabulary.fill_in(named, tmp_path)
    named[0]["front_end"]["vocabulary"]["file"] = "../vocabulary.txt"
    with pytest.raises(DeployError, match="the name of a file in the bundle"):
        vocabulary.fill_in(named, tmp_path)


def test_a_file_has_a_text_a_line(tmp_path):
    path = tmp_path / "texts.txt"
    path.write_bytes("\ufeffthe cat\r\n\r\n  \r\nthe mat\r\n\r\n".encode())
    assert [text for _, text in tokens.open_several(path)] == ["the cat", "the mat"]
    names = [name for name, _ in read_examples(str(path), "file", tokens)]
    assert names == [f"{path}[0]", f"{path}[1]"]
    with pytest.raises(DeployError, match="expected one text, received '.*' with 2"):
        prepare(path, WORDS, (3,))
    path.write_text("the cat")
    assert prepare(path, WORDS, (3,)).tolist() == [2, 3, 0]
    path.write_text(" \n")
    with pytest.raises(DeployError, match="received an empty file"):
        tokens.open_file(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(DeployError, match="one text a line"):
        tokens.open_file(path)


def test_what_names_no_file_is_a_text(tmp_path):
    (tmp_path / "texts.txt").write_text("the cat")
    expected = {
        "The cat sat.": "text",
        "cat": "text",
        "see notes.txt": "text",
        "word " * 10_000: "text",
        str(tmp_path / "texts.txt"): "file",
        str(tmp_path): "folder",
        "missing.txt": "file",
        "missing.npy": "arrays",
    }
    assert {path: kind_of(path, tokens) for path in expected} == expected
    ((name, text),) = read_examples("word " * 100, "text", tokens)
    assert len(name) < 70 and len(text) == 500
