"""A publisher's file, from the folder for downloads or from the publisher."""

from pathlib import Path

import tensorflow_datasets as tfds


def publishers_file(dl_manager: tfds.download.DownloadManager, name: str, url: str) -> Path:
    """The file called `name` in the manual folder if it lies there; otherwise it is downloaded."""
    try:
        by_hand = Path(dl_manager.manual_dir) / name
    except AssertionError:  # no such folder, or nothing in it
        return Path(dl_manager.download(url))
    return by_hand if by_hand.exists() else Path(dl_manager.download(url))
