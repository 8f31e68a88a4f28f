"""A small network and what the room's trainings make of it, once for all tests."""

import keras
import pytest
import tf_keras

import deploy
from thinkkeras.models import ds_cnn


@pytest.fixture(scope="session")
def network(digits):
    """A small depthwise-separable network, trained on the digits."""
    keras.utils.set_random_seed(0)
    model = ds_cnn(
        (8, 8, 1),
        10,
        filters=(16, 32, 48),
        strides=(1, 2, 1),
        kernel_size=(3, 3),
        include_preprocessing=True,
        dropout=0.0,
    )
    model.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy", jit_compile=False)
    model.fit(*digits.train, epochs=8, batch_size=64, verbose=0)
    return model


@pytest.fixture(scope="session")
def tune(digits):
    def tuned(model, epochs=2, rate=1e-3):
        tf_keras.utils.set_random_seed(0)
        model.compile(tf_keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
        model.fit(*digits.train, epochs=epochs, batch_size=64, verbose=0)
        return model

    return tuned


@pytest.fixture(scope="session")
def pruned(network, tune):
    return tune(deploy.prune(network), epochs=5, rate=3e-3)


@pytest.fixture(scope="session")
def clustered(pruned, tune):
    return tune(deploy.cluster(pruned))


@pytest.fixture(scope="session")
def aware(network, tune):
    """`aware(scheme)`: the network trained with quantization in that scheme."""
    models = {}

    def train(scheme):
        if scheme not in models:
            models[scheme] = tune(deploy.quantize_aware(network, scheme=scheme))
        return models[scheme]

    return train


@pytest.fixture(scope="session")
def deployed(digits, aware, tmp_path_factory):
    """`deployed(scheme)`: the card and the flatbuffer of the network trained in that scheme."""
    done = {}

    def get(scheme):
        if scheme not in done:
            out = tmp_path_factory.mktemp("aware") / scheme
            options = {"calibration": digits.train[0], "test": digits.test, "verbose": 0}
            card = deploy.export(aware(scheme), "cpu", out=out, **options)
            done[scheme] = card, (out / "model.tflite").read_bytes()
        return done[scheme]

    return get


@pytest.fixture
def export(digits, tmp_path):
    def exported(model, target="cpu"):
        out = tmp_path / "bundle"
        card = deploy.export(
            model,
            target,
            out=out,
            calibration=digits.train[0],
            test=digits.test,
            verbose=0,
        )
        return card, (out / "model.tflite").read_bytes()

    return exported
