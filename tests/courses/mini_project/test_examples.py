"""What learners bring becomes examples: what is read, what is skipped, and how it is split."""

import wave

import numpy as np
import pytest

from courses.mini_project.examples import default_reading, kind_of, load_examples


def write_csv(path, rows, header="x,y,class,group"):
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n")
    return path


def write_wav(path, samples, rate=8000):
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((samples * 32767).astype("<i2").tobytes())


def grouped(count=12, each=10):
    """Rows of `count` groups, of two classes each; x is the group's number."""
    return [
        (group, step, ("off", "on")[step % 2 if each == 1 else step * 2 // each], f"day{group}")
        for group in range(count)
        for step in range(each)
    ]


def test_digits_are_split_without_reading_anything_else():
    examples = load_examples("digits", {})
    assert examples.kind == "images" and examples.input_shape == (8, 8, 1)
    sizes = [len(split.y) for split in (examples.train, examples.validation, examples.test)]
    assert sizes == [1257, 180, 360]
    assert examples.front_end == {"kind": "image", "black": 0, "white": 255}


def test_rows_of_a_group_stay_in_one_split(tmp_path):
    examples = load_examples(write_csv(tmp_path / "rows.csv", grouped()), {"window": 1})
    splits = [examples.train, examples.validation, examples.test]
    groups = [set(split.x[:, 0].tolist()) for split in splits]
    assert set().union(*groups) == set(range(12))
    assert sum(map(len, groups)) == 12
    assert examples.class_names == ["off", "on"]
    assert examples.front_end == {"kind": "array", "columns": ["x", "y"]}


def test_windows_do_not_overlap_and_have_one_class_and_group(tmp_path):
    # Five rows a class in each group: two windows of two rows, and one row left.
    examples = load_examples(write_csv(tmp_path / "rows.csv", grouped()), {"window": 2})
    splits = [examples.train, examples.validation, examples.test]
    x, y = (np.concatenate(parts) for parts in zip(*splits, strict=True))
    assert x.shape == (48, 2, 2)
    assert (x[:, 0, 0] == x[:, 1, 0]).all()
    assert (x[:, 1, 1] - x[:, 0, 1] == 1).all()
    assert sorted({(row[0, 1], label) for row, label in zip(x, y, strict=True)}) == [
        (0, 0), (2, 0), (5, 1), (7, 1),
    ]  # fmt: skip


def test_without_groups_the_last_tenth_of_each_class_is_the_test(tmp_path):
    rows = [(step, 0, ("off", "on")[step % 2]) for step in range(40)]
    examples = load_examples(write_csv(tmp_path / "rows.csv", rows, "x,y,class"), {"window": 1})
    assert examples.test.x[:, 0].tolist() == [36, 37, 38, 39]
    assert examples.validation.x[:, 0].tolist() == [32, 33, 34, 35]
    assert examples.train.x[:, 0].tolist() == list(range(32))


def test_bad_rows_are_named_and_skipped(tmp_path, capsys):
    rows = [(step, 0, ("off", "on")[step % 2]) for step in range(40)]
    rows[3], rows[5], rows[7] = ("?", 0, "on"), (5, "nan", "on"), (7,)
    examples = load_examples(write_csv(tmp_path / "rows.csv", rows, "x,y,class"), {"window": 1})
    assert sum(len(part.y) for part in (examples.train, examples.validation, examples.test)) == 37
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" of ")[0] for line in lines] == [f"skipped line {n}" for n in (5, 7, 9)]


@pytest.mark.parametrize(
    ("rows", "header", "message"),
    [
        ([(1, 2)], "x,y", "expected a header with a column 'class'"),
        ([(1, "on")] * 9, "x,class", "expected rows of two or more classes"),
        (
            [(1, "on"), (1, "off")],
            "x,class",
            "expected examples of every class in each split, received none of 'off'",
        ),
        (
            [(1, "on", "a"), (1, "off", "b")],
            "x,class,group",
            "expected three groups or more, received 2",
        ),
    ],
)
def test_a_file_that_cannot_be_split_says_why(tmp_path, rows, header, message):
    with pytest.raises(ValueError, match=message):
        load_examples(write_csv(tmp_path / "rows.csv", rows, header), {"window": 1})


def test_a_folder_of_sounds_is_split_and_bad_files_named(tmp_path, capsys):
    generator = np.random.default_rng(0)
    for name, pitch in (("high", 1500), ("low", 400)):
        for number in range(10):
            time = np.arange(4000) / 8000
            tone = 0.5 * np.sin(2 * np.pi * pitch * time) + 0.01 * generator.normal(size=4000)
            write_wav(tmp_path / "sounds" / name / f"{number}.wav", tone)
    (tmp_path / "sounds" / "low" / "broken.wav").write_bytes(b"RIFF")
    assert kind_of(tmp_path / "sounds") == "sounds"
    assert default_reading(tmp_path / "sounds") == {"rate": 8000, "seconds": 1.0}
    examples = load_examples("sounds", {"rate": 8000, "seconds": 0.5}, tmp_path)
    assert examples.class_names == ["high", "low"]
    sizes = [len(split.y) for split in (examples.train, examples.validation, examples.test)]
    assert sizes == [16, 2, 2]
    # 1 + (4000 - 256) // 128 frames; the highest band of a high tone lies above a low one's.
    assert examples.input_shape == (30, 40)
    band = {
        label: examples.train.x[examples.train.y == label].mean(axis=(0, 1)).argmax()
        for label in (0, 1)
    }
    assert band[0] > band[1]
    assert "broken.wav" in capsys.readouterr().out


def test_a_reading_of_another_kind_is_refused():
    with pytest.raises(ValueError, match="expected image_size as the reading of 'digits'"):
        load_examples("digits", {"window": 3})


@pytest.mark.parametrize(
    ("data", "reading"),
    [
        ("digits", {"image_size": 8}),
        ("tones", {"rate": "8000"}),
        ("tones", {"seconds": 0}),
        ("rows.csv", {"window": 0}),
    ],
)
def test_a_reading_that_cannot_be_is_refused(data, reading):
    with pytest.raises(ValueError, match=f"expected {next(iter(reading))} to be .*, received"):
        load_examples(data, reading)
