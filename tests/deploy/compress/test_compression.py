"""Quantization-aware training, pruning and clustering: short real trainings on the digits."""

import keras
import numpy as np
import pytest
import tf_keras
from ai_edge_litert.interpreter import Interpreter

import deploy
from deploy.compress import batch_norm_folding as folding
from deploy.flatbuffer import compressed_size
from deploy.load.readers import load
from deploy.runtime.errors import DeployError
from deploy.to_tf_keras import to_tf_keras
from thinkkeras.models import ds_cnn


@pytest.fixture(scope="module")
def network(digits):
    """A small depthwise-separable network, trained on the digits."""
    keras.utils.set_random_seed(0)
    model = ds_cnn(
        (8, 8, 1),
        10,
        filters=(16, 32, 48),
        strides=(1, 2, 1),
        kernel_size=(3, 3),
        rescale=1 / 255,
        dropout=0.0,
    )
    model.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy", jit_compile=False)
    model.fit(*digits.train, epochs=8, batch_size=64, verbose=0)
    return model


@pytest.fixture(scope="module")
def tune(digits):
    def tuned(model, epochs=2, rate=1e-3):
        tf_keras.utils.set_random_seed(0)
        model.compile(tf_keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
        model.fit(*digits.train, epochs=epochs, batch_size=64, verbose=0)
        return model

    return tuned


@pytest.fixture(scope="module")
def pruned(network, tune):
    return tune(deploy.prune(network), epochs=5, rate=3e-3)


@pytest.fixture(scope="module")
def clustered(pruned, tune):
    return tune(deploy.cluster(pruned))


@pytest.fixture(scope="module")
def aware(network, tune):
    """`aware(scheme)`: the network trained with quantization in that scheme."""
    models = {}

    def train(scheme):
        if scheme not in models:
            models[scheme] = tune(deploy.quantize_aware(network, scheme=scheme))
        return models[scheme]

    return train


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


def accuracy(model, digits):
    x, y = digits.test
    return np.mean(np.argmax(model.predict(x, verbose=0), axis=-1) == y)


def kernels(model):
    """The kernels that are compressed: by name, those of convolutions that mix channels."""
    return {
        weight.name.split("/")[-2]: weight.numpy()
        for weight in deploy.strip(model).weights
        if weight.name.endswith("/kernel:0")
    }


def deployed_kernels(content):
    """The integers and scales of the constant kernels of a .tflite, in order of execution."""
    interpreter = Interpreter(model_content=content)
    details = {entry["index"]: entry for entry in interpreter.get_tensor_details()}
    found = []
    for operator in interpreter._get_ops_details():
        if operator["op_name"] in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
            entry = details[operator["inputs"][1]]
            found.append(
                (
                    operator["op_name"],
                    interpreter.get_tensor(entry["index"]),
                    entry["quantization_parameters"]["scales"],
                )
            )
    return found


def test_folded_normalization_and_split_layers_compute_the_same():
    generator = np.random.default_rng(0)
    layers = keras.layers
    inputs = keras.Input((8, 8, 3))
    x = layers.Rescaling(1 / 127.5, -1)(inputs)
    x = layers.Conv2D(4, 3, strides=2, use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    x = layers.ReLU(max_value=6)(x)
    y = layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same")(x)
    y = layers.BatchNormalization(scale=False)(y)
    y = layers.SeparableConv2D(4, 3, padding="same", activation="relu")(y)
    y = layers.BatchNormalization(center=False)(y)
    x = layers.Concatenate()([x, y])
    x = layers.Conv2DTranspose(5, 2, strides=2, activation="silu")(x)
    z = layers.Conv2DTranspose(5, 1)(x)
    z = layers.BatchNormalization()(z)
    x = layers.Flatten()(layers.Add()([x, z]))
    x = layers.BatchNormalization()(layers.Dense(6)(x))
    model = keras.Model(inputs, layers.Dense(3, activation="softmax")(x))
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.set_weights([generator.uniform(0.5, 2, w.shape) for w in layer.get_weights()])
    folded = folding.folded(to_tf_keras(model))
    kinds = [type(layer).__name__ for layer in folded.layers]
    # The one after an activation has no convolution to go into.
    assert kinds.count("BatchNormalization") == 1
    assert not {"SeparableConv2D"} & set(kinds)
    x = generator.uniform(0, 255, (16, 8, 8, 3)).astype(np.float32)
    np.testing.assert_allclose(folded(x), model(x), atol=2e-6)


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


def test_gradual_pruning_reaches_its_share(network, tune):
    model = tune(deploy.prune(network, 0.6, end_step=30, keep=["stem"]), epochs=2)
    for name, kernel in kernels(model).items():
        share = 1 if name == "stem" else 0.4
        assert np.count_nonzero(kernel) == round(share * kernel.size)


def test_two_of_four_neighbouring_input_channels_are_zero(digits, network, tune):
    model = tune(deploy.prune(network, pattern="2:4"))
    for name, kernel in kernels(model).items():
        if kernel.shape[-2] % 4 == 0:
            blocks = np.moveaxis(kernel, -2, -1).reshape(-1, 4)
            assert np.all(np.count_nonzero(blocks, axis=1) == 2), name
        else:
            assert name == "stem" and np.all(kernel)
    assert accuracy(model, digits) > 0.93


def test_clusters(digits, network, tune):
    model = tune(deploy.cluster(network, 16))
    for name, kernel in kernels(model).items():
        assert len(np.unique(kernel)) <= 16, name
    assert accuracy(model, digits) > 0.93


@pytest.mark.parametrize("scheme", ["int8", "int8-per-tensor", "int4"])
def test_the_deployed_model_keeps_what_was_trained(scheme, digits, network, aware, export):
    model = aware(scheme)
    card, content = export(model)
    assert card["quantization_aware"] and card["parity"]["sqnr_db"] > 30
    assert abs(card["quality"]["deployed"] - card["quality"]["keras"]) < 0.01
    assert card["quality"]["deployed"] > accuracy(network, digits) - 0.02
    # Every operator is an integer one.
    assert not {"DEQUANTIZE", "QUANTIZE"} & set(card["ops"])
    trained = {weight.name: weight.numpy() for weight in model.weights}
    (entry,) = card["inputs"]
    low, high = (trained[f"quant_image_input/output_{end}:0"] for end in ("min", "max"))
    assert entry["scale"] == pytest.approx((high - low) / 255, rel=1e-6)
    names = {"CONV_2D": ["stem", "block1_pointwise", "block2_pointwise"]}
    names["DEPTHWISE_CONV_2D"] = ["block1_depthwise", "block2_depthwise"]
    names["FULLY_CONNECTED"] = ["classifier"]
    for operator, integers, scales in deployed_kernels(content):
        name = names[operator].pop(0)
        kind = "depthwise_kernel" if "depthwise" in name else "kernel"
        steps = 7 if scheme == "int4" and kind == "kernel" else 127
        bounds = trained[f"quant_{name}/{kind}_max:0"]
        assert bounds.shape == (
            ()
            if scheme == "int8-per-tensor" or name == "classifier"
            else integers.shape[-1:]
            if kind == "depthwise_kernel"
            else integers.shape[:1]
        )
        np.testing.assert_allclose(scales, np.atleast_1d(bounds) / steps, rtol=1e-5)
        assert np.abs(integers.astype(int)).max() == steps


def test_the_order_prune_cluster_quantize_keeps_each(digits, pruned, clustered, tune, export):
    before, between = kernels(pruned), kernels(clustered)
    for name, kernel in between.items():
        # The smallest of the weights that are left may join the cluster of zero.
        assert np.all(kernel[before[name] == 0] == 0), name
        assert len(np.unique(kernel)) <= 16
    model = tune(deploy.quantize_aware(clustered), rate=3e-4)
    for name, kernel in kernels_of_wrappers(model).items():
        assert np.array_equal(kernel == 0, between[name] == 0), name
        # Training moved the clusters, each as one.
        assert len(np.unique(np.round(kernel, 5))) <= 16
        assert not np.array_equal(kernel, between[name])
    card, content = export(model)
    for operator, integers, scales in deployed_kernels(content):
        if operator != "DEPTHWISE_CONV_2D":
            assert len(scales) == 1 and len(np.unique(integers)) <= 16
            assert np.mean(integers == 0) >= 0.75
    assert card["compressed_bytes"] < 0.6 * card["size_bytes"]
    assert card["quality"]["deployed"] > accuracy(deploy.strip(pruned), digits) - 0.03


def kernels_of_wrappers(model):
    return {
        weight.name.split("/")[-2]: weight.numpy()
        for weight in model.weights
        if weight.name.endswith("/kernel:0")
    }


def test_quantizing_a_pruned_model_keeps_its_zeros(pruned, tune):
    model = tune(deploy.quantize_aware(pruned, scheme="int4"), epochs=1)
    for name, kernel in kernels_of_wrappers(model).items():
        assert np.array_equal(kernel == 0, kernels(pruned)[name] == 0), name


def test_saved_models_load_and_export(digits, aware, pruned, export, tmp_path):
    for name, model in (("pruned", pruned), ("aware", aware("int8"))):
        model.save(tmp_path / f"{name}.h5")
        saved, kept = load(tmp_path / f"{name}.h5"), load(model)
        assert saved.trained_weights == kept.trained_weights
        (one,), (other,) = saved.predict([digits.test[0]]), kept.predict([digits.test[0]])
        np.testing.assert_array_equal(one, other)
    card, _ = export(tmp_path / "aware.h5")
    assert card["quantization_aware"] and card["parity"]["sqnr_db"] > 30
    assert deploy.verify(tmp_path / "bundle")["passed"]


def test_microcontrollers_run_it(aware, export):
    card, _ = export(aware("int8"), "cortex-m")
    assert card["parity"]["sqnr_db"] > 30 and card["memory"]["arena_bytes"] > 0


def test_what_tflite_does_not_know_stays_float_and_the_rest_is_quantized(digits, tune, export):
    inputs = keras.Input((8, 8, 1), name="image")
    x = keras.layers.Rescaling(1 / 255)(inputs)
    x = keras.layers.Conv2D(8, 3, strides=2, activation="relu")(x)
    x = keras.ops.log(x + 1.0)
    x = keras.layers.Flatten()(x)
    model = keras.Model(inputs, keras.layers.Dense(10, activation="softmax")(x))
    card, content = export(tune(deploy.quantize_aware(model), epochs=1))
    assert {"LOG", "CONV_2D", "FULLY_CONNECTED"} < set(card["ops"])
    assert {integers.dtype.name for _, integers, _ in deployed_kernels(content)} == {"int8"}


class Own(tf_keras.Model):
    def call(self, tensor):
        return tensor


def test_errors(digits, network, aware, clustered, export, tmp_path):
    inputs = keras.Input((4, 2))
    recurrent = keras.Model(inputs, keras.layers.LSTM(3, name="memory")(inputs))
    small = keras.Sequential([keras.Input((4,)), keras.layers.ReLU()], name="small")
    clustered.save(tmp_path / "clustered.h5")
    for action, message in [
        (lambda: deploy.quantize_aware(network, scheme="int3"), "expected a scheme of int8, int8-"),
        (lambda: deploy.quantize_aware(aware("int8")), "order is prune, cluster, quantize_aware"),
        (lambda: deploy.quantize_aware("model.keras"), "a Keras model in memory, received str"),
        (lambda: deploy.prune(None), "a Keras model in memory, received NoneType"),
        (lambda: deploy.cluster(Own()), "received 'own' (Own); build it with tf_keras.Model"),
        (lambda: deploy.quantize_aware(recurrent), "received the recurrent 'memory'"),
        (lambda: deploy.prune(network, 1.5), "sparsity between 0 and 1, received 1.5"),
        (lambda: deploy.prune(network, pattern="1:4"), "unstructured, 2:4, received '1:4'"),
        (lambda: deploy.prune(network, 0.7, pattern="2:4"), "leave both out"),
        (lambda: deploy.prune(network, end_step=-1), "end_step of 0 or more, received -1"),
        (lambda: deploy.prune(network, keep=["stern"]), "to keep, received 'stern'"),
        (lambda: deploy.prune(small), "Dense layers to prune, received 'small' without one"),
        (lambda: deploy.prune(clustered), "not clustered yet, received 'ds_cnn'; the order is"),
        (lambda: deploy.cluster(network, 16.0), "expected 3 to 256 clusters, received 16.0"),
        (lambda: deploy.cluster(network, 2), "expected 3 to 256 clusters, received 2"),
        (lambda: deploy.strip(deploy.prune(network)), "trained for 1 batches or more, received 0"),
        (
            lambda: export(deploy.quantize_aware(network)),
            "'quant_image_input' has an empty range; compile it",
        ),
        (lambda: export(aware("int8"), "cpu-float"), "expected a target with int8 activations"),
        (lambda: export(tmp_path / "clustered.h5"), "save deploy.strip(model)"),
    ]:
        with pytest.raises(DeployError) as error:
            action()
        assert message in str(error.value)
    assert not (tmp_path / "bundle").exists()


def test_compressed_size():
    assert compressed_size(bytes(10_000)) < 100
    noise = np.random.default_rng(0).bytes(10_000)
    assert 10_000 <= compressed_size(noise) < 10_100
