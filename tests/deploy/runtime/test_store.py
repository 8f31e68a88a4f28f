"""The store: what is written is read, what is damaged or another model's is refused in one line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import deploy.runtime
from deploy import DeployError
from deploy.runtime.store import FILE, Owner, Prototype, check_name, read_store, update_store

OWNER = Owner("ab" * 32, "cosine", 3)


def put(folder, **prototypes):
    def change(known):
        known |= {n: Prototype(count, np.array(mean)) for n, (count, mean) in prototypes.items()}

    update_store(folder, OWNER, change)


@pytest.fixture
def folder(tmp_path):
    put(tmp_path, anna=(2, [0.25, -0.5, 1e-12]), ben=(1, [1, 2, 3]))
    return tmp_path


def test_what_is_written_is_read(folder):
    store = read_store(folder, OWNER)
    assert list(store) == ["anna", "ben"] and store["anna"].images == 2
    np.testing.assert_array_equal(store["anna"].mean, [0.25, -0.5, 1e-12])
    # A line a name, for people.
    assert '    "ben": {"images": 1, "mean": [1.0, 2.0, 3.0]}\n' in (folder / FILE).read_text()
    assert sorted(path.name for path in folder.iterdir()) == [f".{FILE}.lock", FILE]


def test_eight_digits_are_kept(tmp_path):
    mean = np.random.default_rng(0).normal(size=3)
    put(tmp_path, anna=(1, mean))
    np.testing.assert_allclose(read_store(tmp_path, OWNER)["anna"].mean, mean, rtol=1e-7)


def test_there_is_nobody_before_the_first(tmp_path):
    assert read_store(tmp_path, OWNER) == {} and list(tmp_path.iterdir()) == []


def test_it_is_read_again_where_it_was_replaced(folder):
    assert len(read_store(folder, OWNER)) == 2
    content = json.loads((folder / FILE).read_text())
    del content["prototypes"]["anna"]
    (folder / FILE).write_text(json.dumps(content))
    assert list(read_store(folder, OWNER)) == ["ben"]
    # Of the same size, within the clock's tick.
    for name in ("carl", "dora", "emil"):
        update_store(folder, OWNER, lambda known: known.clear())
        put(folder, **{name: (1, [1, 2, 3])})
        assert list(read_store(folder, OWNER)) == [name]


def test_a_change_that_fails_leaves_it_as_it_was(folder):
    before = (folder / FILE).read_bytes()

    def fails(known):
        known.clear()
        raise DeployError("no")

    with pytest.raises(DeployError, match="^no$"):
        update_store(folder, OWNER, fails)
    with pytest.raises(ValueError, match="not JSON compliant"):
        put(folder, carl=(1, [np.nan, 0, 0]))
    assert (folder / FILE).read_bytes() == before
    assert sorted(path.name for path in folder.iterdir()) == [f".{FILE}.lock", FILE]


def entry(mean, images=1):
    return {"images": images, "mean": mean}


def edited(**parts):
    def edit(content):
        return json.dumps(content | parts)

    return edit


def with_entry(given, name="anna"):
    return edited(prototypes={name: given})


def raw(text):
    return lambda content: text


WHOLE = '{"schema": 1, "model": "' + "ab" * 32 + '", "distance": "cosine", "dimension": 3, '


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda content: json.dumps(content)[:-40], "a damaged file"),
        (raw(""), "a damaged file"),
        (raw("[" * 100_000), "a damaged file"),
        (raw("null"), "no schema 1"),
        (raw("[1]"), "no schema 1"),
        (edited(schema=2), "no schema 1"),
        (raw('{"schema": 1}'), "a damaged file .no model."),
        (edited(model="cd" * 32), r"the store of this model \(model abab.* of another \('cdcd"),
        (edited(distance="euclidean"), r"\(distance cosine\) .* another \('euclidean'\)"),
        (edited(dimension=4), r"\(dimension 3\) .* another \(4\)"),
        (edited(model=None), "of another"),
        (edited(prototypes=[]), "no prototypes"),
        (edited(prototypes=None), "no prototypes"),
        (with_entry(entry([1, 2])), "no mean of 3 numbers of 'anna'"),
        (with_entry(entry([1, 2, 3, 4])), "no mean of 3 numbers"),
        (with_entry(entry("abc")), "no mean of 3 numbers"),
        (with_entry(entry([1, 2, "3"])), "no list of finite numbers"),
        (with_entry(entry([1, 2, True])), "no list of finite numbers"),
        (with_entry(entry([1, 2, None])), "no list of finite numbers"),
        (with_entry(entry([1, 2, [3]])), "no list of finite numbers"),
        (with_entry(entry([1, 2, 1e300])), "no list of finite numbers"),
        (with_entry(entry([1, 2, 10**400])), "no list of finite numbers"),
        (with_entry(entry([1, 2, float("nan")])), "NaN, which is no number"),
        (with_entry(entry([1, 2, float("-inf")])), "-Infinity, which is no number"),
        (raw(WHOLE + '"prototypes": {"a": {"images": 1, "mean": [1, 2, 1e999]}}}'), "finite"),
        (raw(WHOLE + '"prototypes": {"a": {"images": 1, "mean": [1, 2, 3' + "0" * 5000 + "]}}}"),
         "a damaged file"),
        (raw(WHOLE + '"prototypes": {"a": {}, "a": {}}}'), "a name that stands twice"),
        (with_entry(entry([1, 2, 3], 0)), "0 images of 'anna'"),
        (with_entry(entry([1, 2, 3], 1.5)), "1.5 images of 'anna'"),
        (with_entry(entry([1, 2, 3], True)), "True images of 'anna'"),
        (with_entry(entry([1, 2, 3], 10**10)), "images of 'anna'"),
        (with_entry([1, 2, 3]), "0 images of 'anna'"),
        (with_entry(entry([1, 2, 3]), "../anna"), "the name '../anna'"),
        (with_entry(entry([1, 2, 3]), ""), "the name ''"),
        (with_entry(entry([1, 2, 3]), "unknown"), "the name 'unknown'"),
    ],
)  # fmt: skip
def test_a_spoilt_store_is_refused_in_one_line(spoil, message, folder):
    spoilt = spoil(json.loads((folder / FILE).read_text()))
    (folder / FILE).write_text(spoilt)
    for use in (lambda: read_store(folder, OWNER), lambda: put(folder, carl=(1, [1, 2, 3]))):
        with pytest.raises(DeployError, match=message) as caught:
            use()
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 600
    # What can't be read is not overwritten.
    assert (folder / FILE).read_text() == spoilt


def test_other_bytes_and_sizes_are_refused(folder):
    (folder / FILE).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DeployError, match="a damaged file"):
        read_store(folder, OWNER)
    with (folder / FILE).open("r+b") as file:
        file.truncate(2**27)
    with pytest.raises(DeployError, match="134,217,728 bytes"):
        read_store(folder, OWNER)
    (folder / FILE).unlink()
    (folder / FILE).mkdir()
    with pytest.raises(DeployError, match="a store that can be read"):
        read_store(folder, OWNER)


def test_each_truncation_is_refused(folder):
    whole = (folder / FILE).read_bytes().rstrip()
    for length in range(len(whole)):
        (folder / FILE).write_bytes(whole[:length])
        with pytest.raises(DeployError, match="a damaged file"):
            read_store(folder, OWNER)


def test_a_folder_that_is_gone_is_told(tmp_path):
    with pytest.raises(DeployError, match="a bundle's folder that can be written"):
        put(tmp_path / "gone", anna=(1, [1, 2, 3]))


@pytest.mark.parametrize("name", ["anna", "Anna Blume", "安娜", "α-7", "x" * 64, "a.b", "O'Neil"])
def test_names_that_can_be(name):
    assert check_name(name) == name


def test_an_accent_is_the_same_however_it_is_typed():
    assert check_name("Ame\u0301lie") == check_name("Am\u00e9lie") == "Am\u00e9lie"


@pytest.mark.parametrize(
    "name",
    ["", " ", " anna", "anna ", "a/b", "a\\b", "a\nb", "a\x00b", "x" * 65, ".", "..", "unknown",
     "\ud800", "a\u200bb", None, 7],
)  # fmt: skip
def test_names_that_cannot_be(name):
    with pytest.raises(DeployError, match="expected a name of 1 to 64 printable") as caught:
        check_name(name)
    assert "\n" not in str(caught.value)


def test_no_write_is_lost_among_several_processes(tmp_path):
    program = """if True:
        import sys
        import numpy as np
        from deploy.runtime.store import Owner, Prototype, update_store
        owner = Owner("ab" * 32, "cosine", 3)
        for number in range(20):
            def add(known):
                count = known["all"].images if "all" in known else 0
                known["all"] = Prototype(count + 1, np.ones(3))
                known[f"{sys.argv[1]} {number}"] = Prototype(1, np.ones(3))
            update_store(sys.argv[2], owner, add)"""
    environment = os.environ | {"PYTHONPATH": str(Path(deploy.runtime.__file__).parents[2])}
    processes = [
        subprocess.Popen([sys.executable, "-c", program, str(k), str(tmp_path)], env=environment)
        for k in range(4)
    ]
    assert [process.wait(timeout=120) for process in processes] == [0] * 4
    store = read_store(tmp_path, OWNER)
    assert len(store) == 81 and store["all"].images == 80
