"""The builder of the balloon photographs, on two images of our own and on the real archive."""

import io
import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from thinkkeras.datasets import load_detection
from thinkkeras.datasets.builders.balloon import ARCHIVE
from thinkkeras.datasets.tfds import prepared_builder


def polygon(*points: tuple[int, int]) -> dict:
    x, y = zip(*points, strict=True)
    return {"shape_attributes": {"name": "polygon", "all_points_x": x, "all_points_y": y}}


SQUARE = polygon((10, 20), (29, 20), (29, 49), (10, 49))
TRIANGLE = polygon((40, 0), (79, 0), (79, 39))


@pytest.fixture
def folders(monkeypatch, tmp_path):
    """An archive of two photographs, one per split, in the folder for downloads."""
    jpeg = io.BytesIO()
    Image.new("RGB", (80, 60), (200, 30, 30)).save(jpeg, "jpeg")
    downloads = tmp_path / "downloads"
    downloads.mkdir()
    with zipfile.ZipFile(downloads / ARCHIVE, "w") as archive:
        for folder, regions in (("train", {"0": SQUARE, "1": TRIANGLE}), ("val", [SQUARE])):
            table = {"a.jpg123": {"filename": "a.jpg", "regions": regions}}
            archive.writestr(f"balloon/{folder}/via_region_data.json", json.dumps(table))
            archive.writestr(f"balloon/{folder}/a.jpg", jpeg.getvalue())
    monkeypatch.setenv("THINKKERAS_DOWNLOADS", str(downloads))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))


def test_polygons_become_masks_and_boxes(folders):
    builder = prepared_builder("balloon", offline=["balloon_scenes"])
    (example,) = builder.as_dataset(split="train").as_numpy_iterator()
    assert example["image"].shape == (60, 80, 3)
    assert example["image/filename"] == b"a.jpg"
    objects = example["objects"]
    assert objects["label"].tolist() == [0, 0]
    scale = [60, 80, 60, 80]
    expected = [[20, 10, 50, 30], [0, 40, 40, 80]]
    np.testing.assert_allclose(objects["bbox"] * scale, expected, atol=1e-4)
    square, triangle = objects["mask"][..., 0]
    assert square[20:50, 10:30].all() and square.sum() == 30 * 20
    assert triangle[0, 40:80].all() and triangle[39, 79] == 1 and triangle[39, 40:70].sum() == 0
    (example,) = builder.as_dataset(split="validation").as_numpy_iterator()
    assert len(example["objects"]["bbox"]) == 1


def test_without_archive_and_network(monkeypatch, tmp_path):
    def fail(self, url):
        raise ConnectionError(url)

    monkeypatch.setattr(tfds.download.DownloadManager, "download", fail)
    monkeypatch.setenv("THINKKERAS_DOWNLOADS", str(tmp_path / "nothing"))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="ConnectionError; .* or use 'balloon_scenes'"):
        load_detection("balloon")


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    if not (Path(os.environ.get("THINKKERAS_DOWNLOADS", "")) / ARCHIVE).is_file():
        pytest.skip(f"{ARCHIVE} is not in THINKKERAS_DOWNLOADS")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TFDS_DATA_DIR", str(tmp_path_factory.mktemp("tfds")))
        builder = prepared_builder("balloon", offline=["balloon_scenes"])
        pipelines, info = load_detection("balloon", augment=False, masks=True)
        yield builder, [list(pipeline.as_numpy_iterator()) for pipeline in pipelines], info


@pytest.mark.slow
def test_real_counts(photographs):
    builder, _, info = photographs
    counts = {}
    for split, photos in (("train", 61), ("validation", 13)):
        assert builder.info.splits[split].num_examples == photos
        labels_alone = tfds.decode.PartialDecoding({"objects": {"label"}})
        examples = builder.as_dataset(split=split, decoders=labels_alone).as_numpy_iterator()
        counts[split] = sum(len(example["objects"]["label"]) for example in examples)
    assert counts == {"train": 255, "validation": 50}
    assert info.counts == {"train": 55, "validation": 6, "test": 13}
    assert info.class_names == ["balloon"] and info.max_boxes == 28


@pytest.mark.slow
def test_real_boxes_hold_their_masks(photographs):
    _, splits, _ = photographs
    boxes = 0
    for batch in (batch for split in splits for batch in split):
        found = batch["bounding_boxes"]
        for index, place in np.argwhere(found["classes"] >= 0):
            mask = batch["masks"][index, place]
            rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
            tight = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
            # Where two outlines overlap, the pixels go to one of them: a few at this size.
            assert np.abs(found["boxes"][index, place] - tight).max() < 6
            boxes += 1
    assert boxes == 255 + 50
