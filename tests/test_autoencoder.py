"""MLPerf Tiny's anomaly detector after a short training: cycles, noise and areas on an NPU."""

import pytest

from benchmarks import autoencoder
from tests.deploy.mlperf_tiny import MLPERF_TINY


def test_the_network_is_that_of_mlperf_tiny():
    reference = MLPERF_TINY["autoencoder"]
    assert autoencoder.network().count_params() == reference.params
    data = autoencoder.spectra()
    assert data.train.shape == (20_000, 640) and data.test.shape == (2_000, 640)
    assert data.y.mean() == 0.5


@pytest.mark.slow
def test_its_weights_stream_in_fewer_cycles_than_with_one_scale_for_each_kernel(monkeypatch):
    monkeypatch.setattr(autoencoder, "EPOCHS", 15)
    data = autoencoder.spectra()
    model = autoencoder.trained(data.train)
    row = autoencoder.exported(model, data)
    assert row["cycles"] < MLPERF_TINY["autoencoder"].cycles < 202_000
    assert row["sqnr_db"] >= 35
    assert row["auc"] > row["keras_auc"] - 0.005
    assert row["cycles"] < 0.8 * autoencoder.plain(model, "int8-per-tensor", data)["cycles"]
