"""Tables in CSV: headers, columns by name, and rows that are told by their number."""

import io
import sys

import numpy as np
import pytest

from deploy import DeployError
from deploy.runtime.inputs import array
from deploy.runtime.inputs.table import rows


@pytest.fixture
def csv(tmp_path):
    """`csv(text)`: the path of a file with it."""

    def write(text):
        (tmp_path / "t.csv").write_text(text, "utf-8")
        return tmp_path / "t.csv"

    return write


def read(path, columns=()):
    return np.stack(list(rows(path, columns))).tolist()


def test_rows_with_a_header_and_without(csv):
    expected = [[1, 2.5], [-3, 4000]]
    assert read(csv("1,2.5\n-3, 4e3\n")) == expected
    assert read(csv("\ufeffa,b\r\n1,2.5\r\n\r\n-3,4e3\r\n")) == expected
    assert array.open_file(csv("a,b\n1,2.5\n-3,4e3\n")).tolist() == expected
    assert array.open_file(csv("1,2.5\n-3,4e3")).dtype == np.float32


def test_columns_are_found_by_their_names(csv):
    assert read(csv("1,2\n3,4\n"), ["a", "b"]) == [[1, 2], [3, 4]]
    table = csv("time,b,a\n12:00,1,2\n12:01,3,4\n")
    assert read(table, ["a", "b"]) == [[2, 1], [4, 3]]
    with pytest.raises(DeployError, match=r"columns a, c in '.*', received a header without 'c'"):
        read(table, ["a", "c"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n3\n", "expected 2 values in row 2 of '.*', received 1; complete"),
        ("1,2\n3,4\n5,6,7\n", "expected 2 values in row 3 of '.*', received 3"),
        ("a,b\n1,nan\n", "expected finite numbers in row 1 of '.*', received 'nan'; correct"),
        ("1,2\n1,inf\n", "row 2 of '.*', received 'inf'"),
        ("1,2\n1,1e300\n", "row 2 of '.*', received '1e300'"),
        ("1,2\n3,warm\n", "row 2 of '.*', received 'warm'"),
        ("1,2\n3,\n", "row 2 of '.*', received ''"),
        ("1,2\na,b\n", "row 2 of '.*', received 'a'"),
        ("1;2\n3;4\n", None),
    ],
)
def test_bad_rows_are_told_by_their_number(text, message, csv):
    if message is None:
        # No cell of the first line is a number, none of the second either.
        message = "row 1 of '.*', received '3;4'"
    with pytest.raises(DeployError, match=message) as error:
        read(csv(text))
    assert "\n" not in str(error.value)


def test_rows_before_a_bad_one_are_read(csv):
    found = rows(csv("1,2\n3,x\n"))
    assert next(found).tolist() == [1, 2]
    with pytest.raises(DeployError):
        next(found)


def test_files_that_are_no_tables(csv, tmp_path):
    with pytest.raises(DeployError, match=r"received '.*none.csv', which does not exist"):
        read(tmp_path / "none.csv")
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe1,2\n")
    with pytest.raises(DeployError, match="CSV in UTF-8, received"):
        read(tmp_path / "b.csv")
    with pytest.raises(DeployError, match=r"a table of numbers, received '.*' without a row"):
        array.open_file(csv("a,b\n"))


def test_standard_input_is_read_as_it_comes(monkeypatch):
    taken = []

    def lines():
        for number in range(3):
            taken.append(number)
            yield f"{number},5\n"

    monkeypatch.setattr(sys, "stdin", lines())
    found = rows(None)
    assert next(found).tolist() == [0, 5] and taken == [0]
    monkeypatch.setattr(sys, "stdin", io.StringIO("1,2\n1\n"))
    with pytest.raises(DeployError, match="row 2 of standard input, received 1"):
        list(rows(None))


def examples(shape, hop, count=7):
    chunks = np.array_split(np.arange(2.0 * count).reshape(count, 2), 3)
    found = list(array.stream.examples(chunks, {}, shape, {"hop": hop}))
    return [number for number, _ in found], np.array([example for _, example in found])


def test_a_stream_is_rows_or_the_last_rows():
    numbers, x = examples((2,), 2)
    assert numbers == [1, 3, 5, 7] and x.tolist() == [[0, 1], [4, 5], [8, 9], [12, 13]]
    numbers, x = examples((3, 2), 2)
    assert numbers == [3, 5, 7] and x.shape == (3, 3, 2)
    assert x[1].tolist() == [[4, 5], [6, 7], [8, 9]]
    assert array.stream.moment(5.0) == "row 5"
    with pytest.raises(DeployError, match=r"chunks of rows \(n, 2\) .* received one of shape \(2,"):
        list(array.stream.examples([np.zeros(2)], {}, (2,), {"hop": 1}))


def test_what_cannot_be_streamed_is_refused():
    with pytest.raises(DeployError, match=r"\(channels,\) or \(rows, channels\) .* \(2, 2, 2\)"):
        array.stream.check({}, (2, 2, 2), {"hop": 1})
    with pytest.raises(DeployError, match="1 row or more, a whole number, received 0.5"):
        array.stream.check({}, (2,), {"hop": 0.5})
    for columns in (["a"], ["a", "a"], ["a", 1], "ab"):
        with pytest.raises(DeployError, match="a list of different names, one for each value on"):
            array.check({"kind": "array", "columns": columns}, (3, 2))
    array.check({"kind": "array", "columns": ["a", "b"]}, (3, 2))
