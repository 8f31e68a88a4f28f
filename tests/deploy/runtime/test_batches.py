"""Several examples in one inference: as many outputs, each as of the example by itself."""

import keras
import numpy as np
import pytest

from deploy import DeployError, runtime
from deploy.convert.converter import convert
from deploy.load.readers import load
from deploy.runtime.batches import Batches
from deploy.runtime.model import Model


def floats(model):
    """The model's flatbuffer in float32."""
    return convert(load(model), "float32", None).content


@pytest.mark.parametrize("count", [2, 64, 65, 200])
def test_a_batch_gives_what_each_example_gives(count, bundle, digits):
    images = np.resize(digits.test[0], (count, *digits.test[0].shape[1:]))
    model, alone = runtime.load(bundle), runtime.load(bundle)
    received = model.outputs(images)[0]
    expected = np.concatenate([alone.outputs(image)[0] for image in images])
    np.testing.assert_array_equal(received, expected)
    assert model._batches is not None and alone._batches is None


def test_a_batch_of_another_size_follows(bundle, digits):
    model = runtime.load(bundle)
    first, second = model.predict(digits.test[0][:5]), model.predict(digits.test[0][:3])
    for one, other in zip(first, second, strict=False):
        np.testing.assert_array_equal(one["probabilities"], other["probabilities"])


def test_large_activations_make_small_batches():
    given = keras.Input((512, 512, 16))
    content = floats(keras.Model(given, keras.layers.ReLU()(given)))
    batches = Batches(content)
    assert 1 <= batches._most <= 2  # 16.8 MB each, of input and output
    x = np.random.default_rng(0).normal(size=(3, 512, 512, 16)).astype("float32")
    np.testing.assert_array_equal(batches.invoke([x])[0], np.maximum(x, 0))


def mixing(x):
    """A softmax over all there is, which resizes to something else."""
    return keras.ops.reshape(keras.ops.softmax(keras.ops.reshape(x, (-1,))), (-1, 3, 4))


def by_the_largest(x):
    """Of examples with the same largest value, what each has by itself."""
    return x / keras.ops.max(keras.ops.reshape(x, (-1,)))


def in_one_row(x):
    return keras.ops.reshape(x, (1, 12))


@pytest.mark.parametrize("layer", [mixing, by_the_largest, in_one_row])
def test_a_graph_that_knows_one_example_only_gets_one_at_a_time(layer):
    given = keras.Input(batch_shape=(1, 3, 4))
    model = Model(floats(keras.Model(given, layer(given))), {}, [])
    x = np.random.default_rng(0).normal(size=(5, 3, 4)).astype("float32")
    model.run([np.repeat(x[:1], 4, axis=0)])  # which mixing leaves as they are
    expected = np.concatenate([layer(one[None]) for one in x])
    np.testing.assert_allclose(model.run([x])[0], expected, atol=1e-6)
    assert model._batches is None


def test_inputs_of_different_numbers_are_refused():
    given = [keras.Input((3,), name="a"), keras.Input((3,), name="b")]
    model = Model(floats(keras.Model(given, keras.layers.Add()(given))), {}, [])
    with pytest.raises(DeployError, match="as many examples for each input, received 5 and 3"):
        model.predict([np.zeros((5, 3)), np.zeros((3, 3))])
    with pytest.raises(DeployError, match="at least one example"):
        model.run([np.zeros((0, 3))] * 2)
