"""The TFDS builder `splice`: pieces of primate DNA around the borders of genes' coding parts."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from thinkkeras.datasets.builders.publisher import publishers_file

FILE = "splice.data"
URL = (
    "https://archive.ics.uci.edu/ml/machine-learning-databases/molecular-biology/"
    f"splice-junction-gene-sequences/{FILE}"
)
CLASSES = ["EI", "IE", "N"]

_DESCRIPTION = """
3,190 pieces of 60 letters of primate DNA: a border from exon to intron in the middle (EI, 767), one
from intron to exon (IE, 768), or neither (N, 1,655). Some letters are ambiguous. 185 pieces stand
there more than once, one of them in two classes.
"""


class Splice(tfds.core.GeneratorBasedBuilder):
    """UCI's splice junctions in one split, `train`, in the file's order; see `_DESCRIPTION`.

    The file is taken from the manual folder where it lies there, and downloaded otherwise.

    Source: "Molecular Biology (Splice-junction Gene Sequences)", UCI Machine Learning Repository,
    1991, CC BY 4.0; from GenBank 64.1.
    """

    VERSION = tfds.core.Version("1.0.0")
    MANUAL_DOWNLOAD_INSTRUCTIONS = f"Optional, to work offline: {FILE} from {URL}"

    def _info(self) -> tfds.core.DatasetInfo:
        features = {
            "sequence": tfds.features.Text(),
            "label": tfds.features.ClassLabel(names=CLASSES),
            "name": tfds.features.Text(),
        }
        return tfds.core.DatasetInfo(
            builder=self,
            description=_DESCRIPTION,
            features=tfds.features.FeaturesDict(features),
            homepage="https://archive.ics.uci.edu/dataset/69",
            license="CC BY 4.0",
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        return {"train": self._generate_examples(publishers_file(dl_manager, FILE, URL))}

    def _generate_examples(self, path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
        for number, line in enumerate(path.read_text("ascii").splitlines()):
            if line.strip():
                label, name, sequence = (part.strip() for part in line.split(","))
                yield number, {"sequence": sequence, "label": label, "name": name}
