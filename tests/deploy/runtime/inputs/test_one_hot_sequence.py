"""Letters as rows: plain, ambiguous, lower case; texts and FASTA; what is no sequence."""

import numpy as np
import pytest

from deploy import DeployError
from deploy.runtime.inputs import prepare
from deploy.runtime.inputs.one_hot_sequence import check, open_file, open_several, to_array

CARD = {
    "kind": "one_hot_sequence",
    "letters": "ACGT",
    "ambiguous": {"N": "ACGT", "D": "AGT", "R": "AG"},
}


def test_letters_are_rows_and_ambiguous_ones_equal_parts():
    received = to_array("ACGTNDR", CARD, (7, 4))
    third = np.float32(1 / 3)
    expected = [*np.eye(4), [0.25] * 4, [third, 0, third, third], [0.5, 0, 0.5, 0]]
    assert received.dtype == np.float32
    np.testing.assert_array_equal(received, np.array(expected, np.float32))
    np.testing.assert_array_equal(to_array("acgtndr", CARD, (7, 4)), received)


def test_lower_case_is_another_letter_where_both_are_among_them():
    card = {"kind": "one_hot_sequence", "letters": "aAb"}
    assert to_array("aAbB", card, (4, 3)).argmax(axis=1).tolist() == [0, 1, 2, 2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ACGUA", "expected letters of ACGTNDR, received 'U' at position 4 of 'ACGUA'"),
        ("ACG-A", "received '-' at position 4"),
        ("ACGT", "expected a sequence of 5 letters, received 4: 'ACGT'"),
        ("", "received 0: ''"),
        ("A" * 99, "received 99: 'A{24}…'"),
    ],
)
def test_what_is_no_sequence_is_told(text, message):
    with pytest.raises(DeployError, match=message):
        to_array(text, CARD, (5, 4))


def test_a_text_file_is_one_sequence(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("ACG\n TA\r\n")
    assert open_several(path) == [(str(path), "ACGTA")]
    np.testing.assert_array_equal(prepare(path, CARD, (5, 4)), to_array("ACGTA", CARD, (5, 4)))


def test_fasta_is_as_many_as_it_has_records(tmp_path):
    path = tmp_path / "a.fasta"
    path.write_text("\n>one  the first\nACG\nTA\n>two\nTTT TT\n>\nAAAAA")
    assert open_several(path) == [("one", "ACGTA"), ("two", "TTTTT"), ("", "AAAAA")]
    with pytest.raises(DeployError, match="expected one sequence, received .* with 3"):
        open_file(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "an empty one, '.*a.fasta', in"),
        (b">one\n>two\nAC", "an empty one, 'one', in"),
        (b"ACG\n>two\nAC", "with letters before the first"),
        (b"\xff\xfe\x00", "which is none: 'utf-8' codec"),
    ],
)
def test_a_file_without_sequences_is_told(content, message, tmp_path):
    (tmp_path / "a.fasta").write_bytes(content)
    with pytest.raises(DeployError, match=message) as told:
        open_several(tmp_path / "a.fasta")
    assert "\n" not in str(told.value)
    with pytest.raises(DeployError, match="which does not exist"):
        open_several(tmp_path / "none.fasta")


@pytest.mark.parametrize(
    ("changed", "shape", "message"),
    [
        ({"letters": "ACGA"}, (5, 4), "different letters .* received 'ACGA'"),
        ({"letters": None}, (5, 4), "received None"),
        ({"letters": "AC T"}, (5, 4), "received 'AC T'"),
        ({}, (5, 3), r"an input \(length, 4\) for the letters ACGT, received \(5, 3\)"),
        ({}, (5, 4, 1), r"received \(5, 4, 1\)"),
        ({"ambiguous": {"N": "ACX"}}, (5, 4), "other letters than ACGT .* received"),
        ({"ambiguous": {"A": "CG"}}, (5, 4), "other letters than ACGT"),
        ({"ambiguous": {"NN": "CG"}}, (5, 4), "other letters than ACGT"),
        ({"ambiguous": {"N": ""}}, (5, 4), "other letters than ACGT"),
        ({"ambiguous": ["N"]}, (5, 4), "other letters than ACGT"),
        ({"alphabet": "ACGT"}, (5, 4), "received 'alphabet'"),
    ],
)
def test_parameters_that_cannot_be_are_refused(changed, shape, message):
    check(CARD, (5, 4))
    with pytest.raises(DeployError, match=message):
        check(CARD | changed, shape)
