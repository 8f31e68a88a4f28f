"""Weight clustering: short real trainings on the digits."""

import numpy as np
import pytest
import tf_keras

import deploy
from deploy.runtime.errors import DeployError
from tests.deploy.compress.kernels import accuracy, kernels


@pytest.mark.slow
def test_clusters(digits, network, tune):
    model = tune(deploy.cluster(network, 16))
    for name, kernel in kernels(model).items():
        assert len(np.unique(kernel)) <= 16, name
    assert accuracy(model, digits) > 0.93


class Own(tf_keras.Model):
    def call(self, tensor):
        return tensor


@pytest.mark.slow
def test_errors(network, clustered, export, tmp_path):
    clustered.save(tmp_path / "clustered.h5")
    for action, message in [
        (lambda: deploy.cluster(Own()), "received 'own' (Own); build it with tf_keras.Model"),
        (lambda: deploy.cluster(network, 16.0), "expected 3 to 256 clusters, received 16.0"),
        (lambda: deploy.cluster(network, 2), "expected 3 to 256 clusters, received 2"),
        (lambda: export(tmp_path / "clustered.h5"), "save deploy.strip(model)"),
    ]:
        with pytest.raises(DeployError) as error:
            action()
        assert message in str(error.value)
    assert not (tmp_path / "bundle").exists()
