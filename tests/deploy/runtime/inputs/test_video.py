"""Videos in and out of the command line."""

import os
import sys

import numpy as np
import pytest

from deploy import DeployError
from deploy.runtime.__main__ import main
from deploy.runtime.inputs.video import Writer, frame_rate, frames

cv2 = pytest.importorskip("cv2")
# OpenCV reads it at its first video, which is the one that a fixture writes.
os.environ["OPENCV_FFMPEG_LOGLEVEL"] = "-8"

COLOURS = np.array([[250, 10, 10], [10, 250, 10], [10, 10, 250], [240, 240, 20]], "uint8")


@pytest.fixture
def clip(tmp_path):
    """Four frames of 64 x 48 pixels, each of one colour, at 10 a second."""
    path = tmp_path / "clip.mp4"
    codec = cv2.VideoWriter_fourcc(*"mp4v")
    video = cv2.VideoWriter(str(path), codec, 10.0, (64, 48))
    for colour in COLOURS:
        video.write(np.full((48, 64, 3), colour[::-1], "uint8"))
    video.release()
    return path


def test_frames_are_in_order_and_in_rgb(clip):
    found = list(frames(clip))
    assert [frame.size for frame in found] == [(64, 48)] * 4
    means = [np.asarray(frame).reshape(-1, 3).mean(axis=0) for frame in found]
    np.testing.assert_allclose(means, COLOURS, atol=12)
    assert frame_rate(clip) == pytest.approx(10)


def test_a_written_video_is_read_again(tmp_path):
    from PIL import Image

    path = tmp_path / "out.mp4"
    writer = Writer(path, 5.0)
    # Odd sides, and a second frame of another size.
    for size in ((63, 47), (70, 40)):
        writer.add(Image.new("RGB", size, (200, 40, 40)))
    writer.close()
    found = [np.asarray(frame, "float32") for frame in frames(path)]
    assert [frame.shape for frame in found] == [(48, 64, 3)] * 2
    np.testing.assert_allclose(found[0][:40, :60].mean(axis=(0, 1)), [200, 40, 40], atol=12)
    np.testing.assert_allclose(found[1][42:].mean(axis=(0, 1)), 0, atol=12)


def test_run_on_a_video_draws_a_video(exported, clip, tmp_path, capsys):
    bundle, out = str(exported("convnet", "cpu")), tmp_path / "out.mp4"
    assert main(["run", bundle, str(clip), "--draw", str(out)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[0] for line in lines] == [
        *(f"{clip}[{number}]" for number in range(4)),
        str(clip),
    ]
    assert lines[-1].startswith(f"{clip}: 4 frames, ")
    drawn = list(frames(out))
    assert len(drawn) == 4 and frame_rate(out) == pytest.approx(10)
    # The image stands on the sheet, above the bars.
    for frame, colour in zip(drawn, COLOURS, strict=True):
        np.testing.assert_allclose(np.asarray(frame, "float32")[100, 140], colour, atol=20)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mp4", "out.mp4"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["text.mp4"], "expected a video that OpenCV reads"),
        (["cut.mp4"], "expected a video that OpenCV reads"),
        (["missing.mp4"], "which does not exist"),
        (["clip.mp4", "--draw", "out.png"], "expected a video file, .mp4, that can be written"),
        (["clip.mp4", "--draw", "no/out.mp4"], "expected a video file, .mp4, that can be written"),
        (["clip.mp4", "--draw", "clip.mp4"], "expected another file than the input"),
        (["clip.mp4", "clip.mp4", "--draw", "out.mp4"], "expected a video alone to draw"),
    ],
)
def test_bad_videos_are_told_in_one_line(
    arguments, message, exported, clip, capfd, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.mp4").write_text("hello")
    (tmp_path / "cut.mp4").write_bytes(clip.read_bytes()[:300])
    bundle = str(exported("convnet", "cpu"))
    capfd.readouterr()
    assert main(["run", bundle, *arguments]) == 2
    error = capfd.readouterr().err
    assert message in error and error.count("\n") == 1
    names = ["clip.mp4", "cut.mp4", "text.mp4"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names


def test_without_opencv_the_error_says_what_to_install(clip, monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(DeployError, match=r"pip install '\.\[video\]'"):
        next(frames(clip))
