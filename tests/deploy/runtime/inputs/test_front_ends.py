"""The table of front ends: found by their kind, guessed by shape, one definition for all."""

import numpy as np
import pytest
from PIL import Image

from deploy import DeployError
from deploy.runtime.inputs import default_front_end, find_front_end, prepare


def test_an_unknown_kind_is_refused():
    with pytest.raises(DeployError, match="array, image, .* for the input 'x', received 'scent'"):
        find_front_end({"name": "x", "front_end": {"kind": "scent"}})


@pytest.mark.parametrize(
    ("shape", "kind"),
    [((8, 8, 3), "image"), ((8, 8, 1), "image"), ((8, 8, 2), "array"), ((9,), "array")],
)
def test_what_could_be_an_image_is_one(shape, kind):
    assert default_front_end(shape)["kind"] == kind


def test_an_example_is_prepared_from_a_file_an_image_or_an_array(tmp_path):
    front_end = {"kind": "image", "black": -1, "white": 1}
    Image.new("L", (6, 6), 255).save(tmp_path / "white.png")
    for example in (str(tmp_path / "white.png"), Image.new("L", (6, 6), 255)):
        assert prepare(example, front_end, (2, 2, 1)).tolist() == [[[1], [1]], [[1], [1]]]
    ready = np.zeros((2, 2, 1), "float32")
    assert prepare(ready, front_end, (2, 2, 1)) is ready


def test_an_array_is_read_from_its_file(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(3))
    assert prepare(str(tmp_path / "x.npy"), {"kind": "array"}, (3,)).tolist() == [0, 1, 2]
    np.savez(tmp_path / "x.npz", x=np.arange(3))
    assert prepare(str(tmp_path / "x.npz"), {"kind": "array"}, (3,)).tolist() == [0, 1, 2]
    for path in ("none.npy", "text.npy"):
        (tmp_path / "text.npy").write_text("hello")
        with pytest.raises(DeployError, match=path):
            prepare(str(tmp_path / path), {"kind": "array"}, (3,))


def test_an_image_is_no_array():
    with pytest.raises(DeployError, match=r"received one that takes \(3,\)"):
        prepare(Image.new("L", (6, 6)), {"kind": "array"}, (3,))
