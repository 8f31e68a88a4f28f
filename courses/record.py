"""What a lesson measured, in the file that the documents' tables are written from."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from typing import Any

import deploy
from courses.files import write_text
from courses.settings import Settings

# What a table shows of a card.
_SHOWN = ("target", "scheme", "quality", "size_bytes", "latency_ms", "memory", "npu")


def write_metrics(settings: Settings, cards: Sequence[Mapping[str, Any]], **measured: Any) -> None:
    """Write `OUT/metrics.json`: what was measured, on which computer, with which versions; and
    print the targets' table.

    Args:
        settings: the lesson's.
        cards: of the exported bundles.
        measured: what JSON can hold. The documents show `dataset`, `parameters`, `epochs`,
            `training_seconds` and `test_accuracy`, and of `tables`, by name, lists of rows of
            text, the header first.
    """
    import keras
    import numpy as np
    import tensorflow as tf

    metrics = measured | {
        "seed": settings.seed,
        "targets": {card["target"]: {name: card[name] for name in _SHOWN} for card in cards},
        "cpu": cards[0]["latency_ms"]["cpu"],
        "cores": os.cpu_count(),
        "versions": {
            "python": platform.python_version(),
            "keras": keras.__version__,
            "tensorflow": tf.__version__,
            "numpy": np.__version__,
        },
    }
    write_text(settings.out / "metrics.json", json.dumps(metrics, indent=2) + "\n")
    print(deploy.table(cards))
