"""Quantization-aware training, alone and after the others: short real trainings on the digits."""

import keras
import numpy as np
import pytest
import tf_keras

import deploy
from deploy.compress._tfmot import tfmot
from deploy.compress.quantization_aware import without_fake_quantization
from deploy.load.readers import load
from deploy.runtime.errors import DeployError
from tests.deploy.compress.kernels import accuracy, deployed_kernels, kernels, kernels_of_wrappers


@pytest.mark.parametrize(
    "scheme", ["int8", pytest.param("int8-per-tensor", marks=pytest.mark.slow), "int4"]
)
def test_the_deployed_model_keeps_what_was_trained(scheme, digits, network, aware, deployed):
    model, (card, content) = aware(scheme), deployed(scheme)
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


def test_every_operator_is_compared_with_the_float_network(deployed):
    """The layers by the names that they have without the training's wrappers."""
    card, _ = deployed("int8")
    assert [(entry["layer"], entry["operator"]) for entry in card["layers"]] == [
        ("stem", "CONV_2D"),
        ("block1_depthwise", "DEPTHWISE_CONV_2D"),
        ("block1_pointwise", "CONV_2D"),
        ("block2_depthwise", "DEPTHWISE_CONV_2D"),
        ("block2_pointwise", "CONV_2D"),
        ("average", "MEAN"),
        ("classifier", "FULLY_CONNECTED"),
        ("classifier", "SOFTMAX"),
    ]
    # Trained weights are rounded too: more than parity with the model that rounds as well.
    ratios = [entry["sqnr_db"] for entry in card["layers"]]
    assert all(20 < ratio < 60 for ratio in ratios)
    assert min(ratios) < card["parity"]["sqnr_db"]


def test_the_float_network_computes_as_before(network, aware, digits):
    x = digits.test[0]
    plain = without_fake_quantization(deploy.quantize_aware(network))
    np.testing.assert_allclose(plain(x), network(x), atol=1e-5)
    # And with what the training made of its weights, unrounded.
    model = aware("int4")
    plain = without_fake_quantization(model)
    for name, kernel in kernels_of_wrappers(model).items():
        np.testing.assert_array_equal(plain.get_layer(name).get_weights()[0], kernel)


def test_the_float_network_of_tfmots_own_training():
    tf_keras.utils.set_random_seed(0)
    layers = tf_keras.layers
    inputs = tf_keras.Input((8, 8, 1))
    x = layers.Conv2D(4, 3, activation="relu")(inputs)
    x = layers.BatchNormalization()(layers.Conv2D(4, 3, use_bias=False)(x))
    x = layers.Flatten()(layers.ReLU()(x))
    model = tf_keras.Model(inputs, layers.Dense(3, activation="softmax")(x))
    plain = without_fake_quantization(tfmot.quantization.keras.quantize_model(model))
    x = np.random.default_rng(0).uniform(size=(4, 8, 8, 1)).astype("float32")
    np.testing.assert_allclose(plain(x), model(x), atol=1e-6)


@pytest.mark.slow
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


@pytest.mark.slow
def test_quantizing_a_pruned_model_keeps_its_zeros(pruned, tune):
    model = tune(deploy.quantize_aware(pruned, scheme="int4"), epochs=1)
    for name, kernel in kernels_of_wrappers(model).items():
        assert np.array_equal(kernel == 0, kernels(pruned)[name] == 0), name


@pytest.mark.slow
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


@pytest.mark.slow
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


def test_errors(network, aware, export, tmp_path):
    inputs = keras.Input((4, 2))
    recurrent = keras.Model(inputs, keras.layers.LSTM(3, name="memory")(inputs))
    for action, message in [
        (lambda: deploy.quantize_aware(network, scheme="int3"), "expected a scheme of int8, int8-"),
        (lambda: deploy.quantize_aware(aware("int8")), "order is prune, cluster, quantize_aware"),
        (lambda: deploy.quantize_aware("model.keras"), "a Keras model in memory, received str"),
        (lambda: deploy.quantize_aware(recurrent), "received the recurrent 'memory'"),
        (
            lambda: export(deploy.quantize_aware(network)),
            "'quant_image_input' has an empty range; compile it",
        ),
        (lambda: export(aware("int8"), "cpu-float"), "expected a target with int8 activations"),
    ]:
        with pytest.raises(DeployError) as error:
            action()
        assert message in str(error.value)
    assert not (tmp_path / "bundle").exists()
