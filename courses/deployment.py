"""A lesson's network on each of the targets that its run was asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import deploy
from courses.settings import Settings


def export(settings: Settings, model: Any, name: str = "", **options: Any) -> list[Any]:
    """The bundles `OUT/deploy/TARGET`, of one of several networks `OUT/deploy/TARGET/NAME`.

    Of a lesson's only network the calibration and test data are kept beside it, as
    `calibration.npz` and `test.npz`, for the command line.

    Args:
        settings: the lesson's.
        model: the Keras model or its file, as `deploy.export` takes it.
        name: of the network, where the lesson trains several.
        options: of `deploy.export`: `calibration`, `class_names`, `test`, `quantization`, ….

    Returns:
        The card for each of the targets.
    """
    if not name:
        _keep_data(settings.out, options["calibration"], options["test"])
    return deploy.export(
        model,
        settings.targets,
        out=settings.out / "deploy" / "{target}" / name,
        seed=settings.seed,
        overwrite=True,
        **options,
    )


def _keep_data(out: Path, calibration: Any, test: tuple[Any, Any]) -> None:
    import numpy as np

    np.savez_compressed(out / "calibration.npz", x=calibration)
    np.savez_compressed(out / "test.npz", x=test[0], y=test[1])
