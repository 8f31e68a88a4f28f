"""What several tests need, made once."""

import fcntl
import os

# The tests need no accelerator, and their figures must not depend on one.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

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
        ds_cnn,
        filters=(24, 48, 64),
        strides=(1, 2, 1),
        kernel_size=(3, 3),
        include_preprocessing=True,
    ),
}


@pytest.fixture(scope="session")
def once(tmp_path_factory):
    """`once(name, make)`: the path of that name in a folder that all processes of a test run share;
    the first one that asks for it has `make(path)` write it, and nobody changes it afterwards."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent

    def made(name, make):
        path = folder / "shared" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.with_name(f"{path.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not path.exists():
                partial = path.with_name(f"partial-{path.name}")
                make(partial)
                partial.rename(path)
        return path

    return made


@pytest.fixture(scope="session")
def digits():
    """Arrays of the digits: `train`, `test` as (x, y), and `class_names`."""
    keras.utils.set_random_seed(0)  # it decides the order of the training examples, too
    (train, _, test), info = datasets.load("digits", augment=False)
    return SimpleNamespace(
        train=datasets.as_arrays(train),
        test=datasets.as_arrays(test),
        class_names=info.class_names,
    )


@pytest.fixture(scope="session")
def trained(digits, once):
    """`trained(builder)`: the path of that builder's network, trained on the digits."""

    def path_of(builder):
        def train(path):
            keras.utils.set_random_seed(0)
            model = BUILDERS[builder]((8, 8, 1), 10)
            model.compile("adam", "sparse_categorical_crossentropy", jit_compile=False)
            # The depthwise network learns more slowly.
            epochs = 30 if builder == "ds_cnn" else 15
            model.fit(*digits.train, epochs=epochs, batch_size=64, verbose=0)
            model.save(path)

        return once(f"trained/{builder}.keras", train)

    return path_of


@pytest.fixture(scope="session")
def exported(digits, trained, once):
    """`exported(builder, target)`: the bundle of the trained network."""

    def path_of(builder, target):
        def export(path):
            deploy.export(
                trained(builder),
                target,
                out=path,
                calibration=digits.train[0],
                class_names=digits.class_names,
                test=digits.test,
                verbose=0,
            )

        return once(f"exported/{builder}/{target}", export)

    return path_of
