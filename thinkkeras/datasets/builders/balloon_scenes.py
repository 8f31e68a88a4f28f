"""The TFDS builder `balloon_scenes`: drawn images of balloons, as many as are asked for."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from thinkkeras.datasets.drawing.scene import boxes, draw_scene, series

_DESCRIPTION = """
Drawn scenes of 0 to 12 balloons, shaded, with strings, overlapping and half hidden, before skies,
streets, walls and rooms, among people, flowers, lamps, balls and flags; boxes and masks are exact.
"""


@dataclasses.dataclass(kw_only=True)
class ScenesConfig(tfds.core.BuilderConfig):
    """How many scenes, how large, and from which seed.

    Args:
        size: Height and width in pixels.
        examples: Training scenes.
        held_out: Validation scenes; there are twice as many to test.
        seed: Names the series that the scenes come from.
    """

    size: tuple[int, int] = (256, 256)
    examples: int = 1000
    held_out: int = 100
    seed: int = 0


class BalloonScenes(tfds.core.GeneratorBasedBuilder):
    """Scenes with boxes and masks of balloons, written to disk once and read like any TFDS set.

    For other numbers and sizes, give `tfds.builder("balloon_scenes", config=ScenesConfig(…))` a
    name of its own. `load_detection("balloon_scenes")` draws the same scenes in memory.
    """

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [ScenesConfig(name="small", description="1,000 + 100 + 200 at 256x256")]
    builder_config: ScenesConfig

    def _info(self) -> tfds.core.DatasetInfo:
        size = self.builder_config.size
        one = {
            "bbox": tfds.features.BBoxFeature(),
            "label": tfds.features.ClassLabel(names=["balloon"]),
            "mask": tfds.features.Image(shape=(*size, 1), dtype=np.uint8, encoding_format="png"),
        }
        features = {
            "image": tfds.features.Image(shape=(*size, 3), encoding_format="png"),
            "image/filename": tfds.features.Text(),
            "objects": tfds.features.Sequence(one),
        }
        return tfds.core.DatasetInfo(
            builder=self,
            description=_DESCRIPTION,
            features=tfds.features.FeaturesDict(features),
            license="Apache-2.0; two photographs that come with scikit-learn are CC BY 2.0",
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        held_out = self.builder_config.held_out
        counts = {
            "train": self.builder_config.examples,
            "validation": held_out,
            "test": 2 * held_out,
        }
        return {split: self._generate_examples(split, counts[split]) for split in counts}

    def _generate_examples(self, split: str, count: int) -> Iterator[tuple[int, dict[str, Any]]]:
        config = self.builder_config
        height, width = config.size
        for index in range(count):
            scene = draw_scene(series(config.seed, split), index, config.size)
            objects = []
            for number, (left, top, right, bottom) in enumerate(boxes(scene.instances), start=1):
                mask = (scene.instances == number).astype(np.uint8)[..., None]
                box = tfds.features.BBox(top / height, left / width, bottom / height, right / width)
                objects.append({"bbox": box, "label": "balloon", "mask": mask})
            yield (
                index,
                {
                    "image": scene.image,
                    "image/filename": f"{split}-{index:06}.png",
                    "objects": objects,
                },
            )
