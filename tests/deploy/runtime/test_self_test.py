"""Recorded inputs and outputs: run again, spoilt, of another model."""

import json

import numpy as np
import pytest

import deploy
from deploy import DeployError, runtime
from deploy.runtime.__main__ import main
from deploy.runtime.quantization import dequantize


def test_the_selftest_fails_on_other_outputs(copy, capsys):
    assert main(["selftest", str(copy)]) == 0
    with np.load(copy / "selftest.npz") as archive:
        arrays = dict(archive)
    np.savez(copy / "selftest.npz", **arrays | {"input_0": arrays["input_0"][::-1]})
    assert main(["selftest", str(copy)]) == 1
    assert "FAILED" in capsys.readouterr().out
    (copy / "selftest.npz").write_text("hello")
    assert main(["selftest", str(copy)]) == 2


RECORDED = {
    "no inputs": lambda arrays: {"output_0": arrays["output_0"], "keras_0": arrays["keras_0"]},
    "no outputs": lambda arrays: {"input_0": arrays["input_0"], "keras_0": arrays["keras_0"]},
    "another shape": lambda arrays: arrays | {"input_0": arrays["input_0"][:, 1:]},
    "another number": lambda arrays: arrays | {"output_0": arrays["output_0"][1:]},
    "another dtype": lambda arrays: arrays | {"input_0": arrays["input_0"].astype("float32")},
    "a number": lambda arrays: arrays | {"keras_0": np.array(3.0)},
    "nothing": lambda arrays: {name: array[:0] for name, array in arrays.items()},
}


@pytest.mark.parametrize("change", RECORDED.values(), ids=RECORDED)
def test_recorded_arrays_of_another_model_are_refused(change, copy):
    with np.load(copy / "selftest.npz") as archive:
        arrays = dict(archive)
    np.savez(copy / "selftest.npz", **change(arrays))
    for check in (runtime.selftest, deploy.verify, deploy.benchmark):
        with pytest.raises(DeployError, match="received others"):
            check(copy)


def test_the_card_names_what_the_recorded_inputs_are_in(bundle):
    card = json.loads((bundle / "card.json").read_text())
    with np.load(bundle / "selftest.npz") as archive:
        assert archive["input_0"].dtype == card["inputs"][0]["dtype"] == "int8"
        assert archive["input_0"].shape == (8, 8, 8, 1)
        np.testing.assert_allclose(
            dequantize(archive["output_0"], card["outputs"][0]), archive["keras_0"], atol=0.1
        )
