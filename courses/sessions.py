"""The table of the ten sessions."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Session:
    """One session; `folder` is its package under `courses`."""

    key: str
    title: str
    folder: str

    @property
    def path(self) -> Path:
        return Path(__file__).parent / self.folder

    @property
    def written(self) -> bool:
        return (self.path / "lesson.py").is_file()


_ROWS = (
    Session("s01", "Introduction: the neuron, logistic regression", "s01_introduction"),
    Session("s02", "Deep neural networks", "s02_deep_neural_networks"),
    Session("s03", "Bias and variance, regularisation", "s03_bias_and_variance"),
    Session("s04", "Optimisation strategies", "s04_optimisation"),
    Session("s05", "Recurrent networks", "s05_recurrent_networks"),
    Session("s06", "Convolutional networks", "s06_convolutional_networks"),
    Session("s07", "Common CNN architectures", "s07_cnn_architectures"),
    Session("s08", "Detection and segmentation", "s08_detection_and_segmentation"),
    Session("s09", "Representation learning: autoencoders", "s09_representation_learning"),
    Session("s10", "Generative models", "s10_generative_models"),
)
SESSIONS = {session.key: session for session in _ROWS}


def find_session(key: str) -> Session:
    """The session called `key`, "s06" say.

    Raises:
        ValueError: no such session, or one that is not written yet.
    """
    if key not in SESSIONS:
        near = difflib.get_close_matches(key, SESSIONS, n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise ValueError(f"expected one of {', '.join(SESSIONS)}, received '{key}'{hint}")
    session = SESSIONS[key]
    if not session.written:
        ready = ", ".join(session.key for session in _ROWS if session.written)
        raise ValueError(f"session {key} ({session.title}) is not written yet; there are: {ready}")
    return session
