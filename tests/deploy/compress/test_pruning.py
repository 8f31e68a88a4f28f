"""Pruning: short real trainings on the digits."""

import keras
import numpy as np
import pytest

import deploy
from deploy.runtime.errors import DeployError
from tests.deploy.compress.kernels import accuracy, kernels


def test_pruning_sets_three_quarters_to_zero_and_leaves_depthwise_kernels(digits, network, pruned):
    assert set(kernels(pruned)) == {
        "stem",
        "block1_pointwise",
        "block2_pointwise",
        "classifier",
    }
    for kernel in kernels(pruned).values():
        assert np.count_nonzero(kernel) == round(0.25 * kernel.size)
    plain = deploy.strip(pruned)
    assert np.all(plain.get_layer("block1_depthwise").get_weights()[0])
    assert [type(a).__name__ for a in plain.layers] == [type(a).__name__ for a in network.layers]
    assert accuracy(plain, digits) > 0.85


@pytest.mark.slow
def test_gradual_pruning_reaches_its_fraction(network, tune):
    model = tune(deploy.prune(network, 0.6, end_step=30, keep=["stem"]), epochs=2)
    for name, kernel in kernels(model).items():
        fraction = 1 if name == "stem" else 0.4
        assert np.count_nonzero(kernel) == round(fraction * kernel.size)


@pytest.mark.slow
def test_two_of_four_neighbouring_input_channels_are_zero(digits, network, tune):
    model = tune(deploy.prune(network, pattern="2:4"))
    for name, kernel in kernels(model).items():
        if kernel.shape[-2] % 4 == 0:
            blocks = np.moveaxis(kernel, -2, -1).reshape(-1, 4)
            assert np.all(np.count_nonzero(blocks, axis=1) == 2), name
        else:
            assert name == "stem" and np.all(kernel)
    assert accuracy(model, digits) > 0.93


@pytest.mark.slow
def test_errors(network, clustered):
    small = keras.Sequential([keras.Input((4,)), keras.layers.ReLU()], name="small")
    for action, message in [
        (lambda: deploy.prune(None), "a Keras model in memory, received NoneType"),
        (lambda: deploy.prune(network, 1.5), "sparsity between 0 and 1, received 1.5"),
        (lambda: deploy.prune(network, pattern="1:4"), "unstructured, 2:4, received '1:4'"),
        (lambda: deploy.prune(network, 0.7, pattern="2:4"), "leave both out"),
        (lambda: deploy.prune(network, end_step=-1), "end_step of 0 or more, received -1"),
        (lambda: deploy.prune(network, keep=["stern"]), "to keep, received 'stern'"),
        (lambda: deploy.prune(small), "Dense layers to prune, received 'small' without one"),
        (lambda: deploy.prune(clustered), "not clustered yet, received 'ds_cnn'; the order is"),
        (lambda: deploy.strip(deploy.prune(network)), "trained for 1 batches or more, received 0"),
    ]:
        with pytest.raises(DeployError) as error:
            action()
        assert message in str(error.value)
