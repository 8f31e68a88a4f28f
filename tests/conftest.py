"""What several tests need, made once."""

import os

# The tests need no accelerator, and their figures must not depend on one.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

from functools import partial  # noqa: E402
from types import SimpleNamespace  # noqa: E402

import keras  # noqa: E402
import pytest  # noqa: E402

import deploy  # noqa: E402
from thinkkeras import datasets  # noqa: E402
from thinkkeras.models import convnet, ds_cnn, mlp  # noqa: E402

BUILDERS = {
    "convnet": convnet,
    "mlp": partial(mlp, units=(64, 32), batch_normalization=True),
    "ds_cnn": partial(
        ds_cnn, filters=(24, 48, 64), strides=(1, 2, 1), kernel_size=(3, 3), rescale=1 / 255
    ),
}


@pytest.fixture(scope="session")
def digits():
    """Arrays of the digits: `train`, `test` as (x, y), and `labels`."""
    keras.utils.set_random_seed(0)  # it decides the order of the training examples, too
    (train, _, test), info = datasets.load("digits", augment=False)
    return SimpleNamespace(
        train=datasets.as_arrays(train), test=datasets.as_arrays(test), labels=info.class_names
    )


@pytest.fixture(scope="session")
def trained(digits, tmp_path_factory):
    """`trained(builder)`: the path of that builder's network, trained on the digits."""
    paths = {}

    def train(builder):
        if builder not in paths:
            keras.utils.set_random_seed(0)
            model = BUILDERS[builder]((8, 8, 1), 10)
            model.compile("adam", "sparse_categorical_crossentropy", jit_compile=False)
            # The depthwise network learns more slowly.
            epochs = 30 if builder == "ds_cnn" else 15
            model.fit(*digits.train, epochs=epochs, batch_size=64, verbose=0)
            paths[builder] = tmp_path_factory.mktemp("trained") / f"{builder}.keras"
            model.save(paths[builder])
        return paths[builder]

    return train


@pytest.fixture(scope="session")
def exported(digits, trained, tmp_path_factory):
    """`exported(builder, target)`: the bundle of the trained network."""
    folder, bundles = tmp_path_factory.mktemp("bundles"), {}

    def export(builder, target):
        out = folder / builder / target
        if out not in bundles:
            bundles[out] = deploy.export(
                trained(builder),
                target,
                out=out,
                calibration=digits.train[0],
                labels=digits.labels,
                test=digits.test,
                verbose=0,
            )
        return out

    return export
