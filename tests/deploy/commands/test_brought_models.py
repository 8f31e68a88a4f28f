"""Models that a stranger brings, through the command line at the first try."""

import json
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tf_keras

import deploy
from deploy import runtime
from tests.deploy.mlperf_tiny import MLPERF_TINY

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[3]


# The cycles are those of MLPerf Tiny's own int8 models to a part: where the NPU waits for its
# weights, trained ones compress better than these.
WITHIN = {"resnet_8": 0.05, "ds_cnn": 0.05, "mobilenet": 0.7, "autoencoder": 0.5}


def as_if_trained(model):
    """Statistics of batch normalization that let the inputs through to the outputs."""
    generator = np.random.default_rng(2)
    for layer in model.layers:
        if isinstance(layer, tf_keras.layers.BatchNormalization):
            count = layer.gamma.shape[0]
            layer.set_weights(
                [
                    generator.uniform(0.5, 1.5, count),
                    generator.normal(0, 0.3, count),
                    generator.normal(0, 0.3, count),
                    generator.uniform(0.2, 2, count),
                ]
            )
    return model


@pytest.mark.parametrize("name", WITHIN)
def test_a_keras_2_file_goes_to_an_npu(name, tmp_path):
    reference = MLPERF_TINY[name]
    tf_keras.utils.set_random_seed(1)
    model = as_if_trained(reference.build(tf_keras))
    assert model.count_params() == reference.params
    model.save(tmp_path / "brought.h5")
    examples = np.random.default_rng(0).normal(size=(64, *model.input_shape[1:]))
    np.savez(tmp_path / "x.npz", x=examples.astype("float32"))
    command = [sys.executable, "-m", "deploy", "export", str(tmp_path / "brought.h5")]
    command += ["--target", "ethos-u55-128", "--calibration", str(tmp_path / "x.npz")]
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "bundle")], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    card = json.loads((tmp_path / "bundle" / "card.json").read_text())
    assert card["npu"]["cpu_ops"] == []
    assert card["npu"]["npu_ops"] == sum(card["ops"].values())
    assert card["npu"]["cycles"] == pytest.approx(reference.cycles, rel=WITHIN[name])
    assert card["parity"]["examples"] == 64
    assert card["parity"]["sqnr_db"] > 25
    assert all(result["passed"] for result in runtime.selftest(tmp_path / "bundle"))


@pytest.mark.parametrize("target", ["cortex-m", "ethos-u55-128"])
def test_an_embedding_goes_to_int8(target, tmp_path):
    keras.utils.set_random_seed(4)
    x = keras.Input((20,), dtype="int32")
    y = keras.layers.GlobalAveragePooling1D()(keras.layers.Embedding(50, 8)(x))
    model = keras.Model(x, keras.layers.Dense(3, activation="softmax")(y))
    words = np.random.default_rng(0).integers(0, 50, (64, 20)).astype("int32")
    out = tmp_path / "bundle"
    card = deploy.export(model, target, out=out, calibration=words, verbose=0)
    assert set(card["ops"]) <= {"GATHER", "MEAN", "FULLY_CONNECTED", "SOFTMAX", "QUANTIZE"}
    assert card["quantizer"] == "litert-quantizer"
    assert card["parity"]["sqnr_db"] > 25
    assert all(result["passed"] for result in runtime.selftest(out))


def test_a_detector_of_keras_cv_goes_to_an_npu(tmp_path):
    keras_cv = pytest.importorskip("keras_cv")
    keras.utils.set_random_seed(0)
    backbone = keras_cv.models.YOLOV8Backbone(
        stackwise_channels=[8, 16, 24, 32],
        stackwise_depth=[1, 1, 1, 1],
        include_rescaling=True,
        input_shape=(128, 128, 3),
    )
    detector = keras_cv.models.YOLOV8Detector(
        num_classes=3, bounding_box_format="xyxy", backbone=backbone, fpn_depth=1
    )
    images = np.random.default_rng(0).uniform(0, 255, (16, 128, 128, 3)).astype("float32")
    out = tmp_path / "bundle"
    card = deploy.export(detector, "ethos-u55-256", out=out, calibration=images, verbose=0)
    boxes, scores = card["outputs"]
    assert (boxes["name"], boxes["shape"]) == ("boxes", [1, 336, 64])
    assert (scores["name"], scores["shape"]) == ("classes", [1, 336, 3])
    # One tensor cut in two would have one scale.
    assert boxes["scale"] < scores["scale"] / 50
    assert min(output["sqnr_db"] for output in card["parity"]["outputs"]) > 20
    assert card["npu"]["cpu_ops"] == []
    assert all(result["passed"] for result in runtime.selftest(out))
