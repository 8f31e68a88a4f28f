"""The TFDS builder `multi30k`: captions of photographs, in English and in French."""

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from thinkkeras.datasets.builders.publisher import publishers_file

URL = "https://raw.githubusercontent.com/multi30k/dataset/master/data/task1/raw"
LANGUAGES = ("en", "fr")
FILES = {"train": "train", "validation": "val", "test": "test_2016_flickr"}

_DESCRIPTION = """
29,000 + 1,014 + 1,000 English captions of photographs from Flickr, translated into French by
people: task 1 of the WMT's multimodal translation, raw text; the test set is that of 2016.
"""


class Multi30k(tfds.core.GeneratorBasedBuilder):
    """Pairs of sentences; splits `train` (29,000), `validation` (1,014), `test` (1,000).

    The files are taken from the manual folder where they lie there, and downloaded otherwise.

    Source: Elliott, Frank, Sima'an and Specia, "Multi30K: Multilingual English-German Image
    Descriptions", VL 2016; French: Elliott, Frank, Barrault, Bougares and Specia, WMT 2017. The
    repository states no licence; the English captions are Flickr30k's, for research.
    """

    VERSION = tfds.core.Version("1.0.0")
    MANUAL_DOWNLOAD_INSTRUCTIONS = f"Optional, to work offline: the .en.gz and .fr.gz of {URL}"

    def _info(self) -> tfds.core.DatasetInfo:
        features = {language: tfds.features.Text() for language in LANGUAGES}
        return tfds.core.DatasetInfo(
            builder=self,
            description=_DESCRIPTION,
            features=tfds.features.FeaturesDict(features),
            supervised_keys=LANGUAGES,
            homepage="https://github.com/multi30k/dataset",
            license="Not stated; captions of Flickr30k, for research",
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        return {
            split: self._generate_examples(
                [
                    publishers_file(
                        dl_manager, f"{name}.{language}.gz", f"{URL}/{name}.{language}.gz"
                    )
                    for language in LANGUAGES
                ]
            )
            for split, name in FILES.items()
        }

    def _generate_examples(self, paths: list[Path]) -> Iterator[tuple[int, dict[str, str]]]:
        texts = [_lines(path) for path in paths]
        for number, pair in enumerate(zip(*texts, strict=True)):
            yield number, dict(zip(LANGUAGES, pair, strict=True))


def _lines(path: Path) -> list[str]:
    # A download may have been unpacked on its way.
    content = path.read_bytes()
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    return [line.strip() for line in content.decode("utf-8").strip().split("\n")]
