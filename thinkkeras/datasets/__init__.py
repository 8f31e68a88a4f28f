"""Data sets: offline ones, and TFDS's by name: images, sounds, texts, DNA."""

from thinkkeras.datasets.augmentation import augmented
from thinkkeras.datasets.characters import Characters, load_characters, rotated_as_classes
from thinkkeras.datasets.classification import DatasetInfo, as_arrays, load
from thinkkeras.datasets.detection import DetectionInfo, load_detection
from thinkkeras.datasets.episodes import episodes, pairs
from thinkkeras.datasets.machines import MachineSounds, load_machine_sounds
from thinkkeras.datasets.recordings import Recordings, load_recordings
from thinkkeras.datasets.sentences import Sentences, load_sentences
from thinkkeras.datasets.sequences import Sequences, load_sequences
from thinkkeras.datasets.translations import Translations, load_translations

__all__ = [
    "Characters",
    "DatasetInfo",
    "DetectionInfo",
    "MachineSounds",
    "Recordings",
    "Sentences",
    "Sequences",
    "Translations",
    "as_arrays",
    "augmented",
    "episodes",
    "load",
    "load_characters",
    "load_detection",
    "load_machine_sounds",
    "load_recordings",
    "load_sentences",
    "load_sequences",
    "load_translations",
    "pairs",
    "rotated_as_classes",
]
