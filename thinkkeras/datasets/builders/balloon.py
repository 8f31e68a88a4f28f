"""The TFDS builder `balloon`: photographs of balloons, each balloon outlined by hand."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image, ImageDraw

from thinkkeras.datasets.builders.publisher import publishers_file

ARCHIVE = "balloon_dataset.zip"
URL = f"https://github.com/matterport/Mask_RCNN/releases/download/v2.1/{ARCHIVE}"

_DESCRIPTION = """
61 + 13 photographs of balloons from Flickr with a hand-drawn polygon around each of the 255 + 50
balloons, published with Matterport's Mask R-CNN as its example of training on one's own data.
"""


class Balloon(tfds.core.GeneratorBasedBuilder):
    """Photographs with boxes and masks of balloons; splits `train` (61), `validation` (13).

    A mask covers what is seen of one balloon; together they are the semantic mask. The archive
    is taken from the manual folder where it lies there, and downloaded otherwise. It names no
    licence: the photographs are Flickr users' own (a file's name begins with its Flickr number),
    the polygons come with Mask R-CNN's release, whose code is under the MIT licence.
    """

    VERSION = tfds.core.Version("1.0.0")
    MANUAL_DOWNLOAD_INSTRUCTIONS = f"Optional, to work offline: {ARCHIVE} from {URL}"

    def _info(self) -> tfds.core.DatasetInfo:
        mask = tfds.features.Image(shape=(None, None, 1), dtype=np.uint8, encoding_format="png")
        one = {
            "bbox": tfds.features.BBoxFeature(),
            "label": tfds.features.ClassLabel(names=["balloon"]),
            "mask": mask,
        }
        features = {
            "image": tfds.features.Image(shape=(None, None, 3), encoding_format="jpeg"),
            "image/filename": tfds.features.Text(),
            "objects": tfds.features.Sequence(one),
        }
        return tfds.core.DatasetInfo(
            builder=self,
            description=_DESCRIPTION,
            features=tfds.features.FeaturesDict(features),
            homepage="https://github.com/matterport/Mask_RCNN/tree/master/samples/balloon",
            license="Not stated; photographs by users of Flickr",
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        archive = publishers_file(dl_manager, ARCHIVE, URL)
        return {
            "train": self._generate_examples(archive, "train"),
            "validation": self._generate_examples(archive, "val"),
        }

    def _generate_examples(
        self, archive: Path, folder: str
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        with zipfile.ZipFile(archive) as members:
            table = json.loads(members.read(f"balloon/{folder}/via_region_data.json"))
            for photograph in table.values():
                name = photograph["filename"]
                with members.open(f"balloon/{folder}/{name}") as jpeg:
                    size = Image.open(jpeg).size
                regions = photograph["regions"]
                # The annotator's older versions number the regions, its newer ones list them.
                regions = regions.values() if isinstance(regions, dict) else regions
                yield (
                    name,
                    {
                        "image": members.open(f"balloon/{folder}/{name}"),
                        "image/filename": name,
                        "objects": [
                            _object(region["shape_attributes"], size) for region in regions
                        ],
                    },
                )


def _object(polygon: dict[str, Any], size: tuple[int, int]) -> dict[str, Any]:
    """Box and mask of a polygon in a photograph of `size`, width and height."""
    points = list(zip(polygon["all_points_x"], polygon["all_points_y"], strict=True))
    canvas = Image.new("1", size)
    ImageDraw.Draw(canvas).polygon(points, fill=1)
    mask = np.asarray(canvas, np.uint8)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    (top, bottom), (left, right) = rows[[0, -1]] / size[1], columns[[0, -1]] / size[0]
    box = tfds.features.BBox(top, left, bottom + 1 / size[1], right + 1 / size[0])
    return {"bbox": box, "label": "balloon", "mask": mask[..., None]}
