"""The frames of a video, and drawings written as one; OpenCV is loaded only when there is one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deploy.runtime.errors import DeployError

if TYPE_CHECKING:
    from PIL.Image import Image

# Of a video that does not tell its own.
_RATE = 25.0


def frames(path: str | Path) -> Iterator[Image]:
    """The frames of the video at `path`, one after the other, in RGB.

    Raises:
        DeployError: no such file, none that OpenCV reads, or no OpenCV.
    """
    from PIL.Image import fromarray

    capture, count = _opened(path), 0
    try:
        while True:
            received, frame = capture.read()
            if not received:
                break
            count += 1
            yield fromarray(np.ascontiguousarray(frame[..., ::-1]))
    finally:
        capture.release()
    if not count:
        raise _unreadable(path)


def frame_rate(path: str | Path) -> float:
    """The frames per second that the video at `path` was made for.

    Raises:
        DeployError: as `frames`.
    """
    cv2, capture = _cv2(), _opened(path)
    rate = float(capture.get(cv2.CAP_PROP_FPS))
    capture.release()
    return rate if 0 < rate < 1000 else _RATE


class Writer:
    """A video of drawings at `path`, an .mp4, of as many frames per second as `rate`.

    All frames have the size of the first one. Raises a DeployError where it can't be written.
    """

    def __init__(self, path: str | Path, rate: float):
        self._cv2, self._path, self._rate = _cv2(), path, rate
        self._video: Any = None
        self._size = (0, 0)

    def add(self, frame: Image) -> None:
        """Append a frame."""
        if self._video is None:
            self._open(frame)
        if frame.size != self._size:
            # The codec wants even sides, and all frames of one size: what is missing is black.
            frame = frame.crop((0, 0, *self._size))
        self._video.write(np.ascontiguousarray(np.asarray(frame.convert("RGB"))[..., ::-1]))

    def close(self) -> None:
        """Finish the file."""
        if self._video is not None:
            self._video.release()

    def _open(self, frame: Image) -> None:
        self._size = (frame.width + frame.width % 2, frame.height + frame.height % 2)
        codec = self._cv2.VideoWriter_fourcc(*"mp4v")
        self._video = self._cv2.VideoWriter(str(self._path), codec, self._rate, self._size)
        if not self._video.isOpened():
            raise DeployError(
                f"expected a video file that can be written, received '{self._path}', which "
                "OpenCV refuses; draw to another folder"
            )


def _cv2() -> Any:
    # What its parts write of a damaged file would stand before our own line.
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    try:
        import cv2
    except ImportError as error:
        raise DeployError(
            f"expected OpenCV to read a video, received an installation without it ({error}); "
            "install it with pip install '.[video]' in the project's folder"
        ) from error
    return cv2


def _opened(path: str | Path) -> Any:
    cv2 = _cv2()
    if not Path(path).is_file():
        raise DeployError(f"expected a video, received '{path}', which does not exist")
    capture = cv2.VideoCapture(str(path))
    if not capture.isOpened():
        raise _unreadable(path)
    return capture


def _unreadable(path: str | Path) -> DeployError:
    return DeployError(
        f"expected a video that OpenCV reads (MP4, AVI, …), received '{path}', which is none"
    )
