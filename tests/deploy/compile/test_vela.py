"""Vela: the figures of MLPerf Tiny's models, and why an operator stays on the CPU."""

import re
from importlib.metadata import PackageNotFoundError

import keras
import numpy as np
import pytest
from keras import layers

from deploy import DeployError
from deploy.bundle.card_text import card_text, table
from deploy.compile import vela
from deploy.convert.converter import convert
from deploy.flatbuffer import count_operators, operators, without
from deploy.load.readers import load as load_source
from deploy.measure.interpreters import micro_arena
from deploy.quantize.calibration import random_examples
from deploy.runtime import load
from deploy.targets import TARGETS
from tests.deploy.mlperf_tiny import MLPERF_TINY, ds_cnn, resnet_8


def mixed():
    """What the NPU runs, with what it does not in between."""
    inputs = keras.Input((8, 8, 3))
    x = keras.ops.cumsum(layers.Conv2D(8, 3, name="first")(inputs), axis=1)
    return keras.Model(inputs, layers.Conv2D(4, 3, name="second")(x))


def only_cpu():
    inputs = keras.Input((8, 8))
    return keras.Model(inputs, keras.ops.cumsum(inputs, axis=1))


def top_k():
    """Ends in an operator that neither the NPU nor LiteRT Micro has."""
    inputs = keras.Input((8, 8, 3))
    x = layers.Flatten()(layers.Conv2D(8, 3)(inputs))
    return keras.Model(inputs, keras.ops.top_k(x, 3)[0])


@pytest.fixture(scope="module")
def converted():
    """`converted(builder)`: the network in int8."""
    done = {}

    def get(builder):
        if builder not in done:
            keras.utils.set_random_seed(0)
            source = load_source(builder())
            done[builder] = convert(source, "int8", random_examples(source)).content
        return done[builder]

    return get


@pytest.fixture(scope="module")
def compiled(converted):
    """`compiled(builder, target)`: what Vela makes of it."""
    done = {}

    def get(builder, target="ethos-u55-128"):
        if (builder, target) not in done:
            card = {"name": builder.__name__, "target": target}
            done[builder, target] = vela.compile_model(converted(builder), card, [])
        return done[builder, target]

    return get


# The weights of MLPerf Tiny's own files, which compress a little differently, are trained.
@pytest.mark.parametrize("name", ["resnet_8", "ds_cnn"])
def test_cycles_are_those_of_mlperf_tiny(name, compiled, converted):
    reference = MLPERF_TINY[name]
    assert reference.build().count_params() == reference.params
    npu = compiled(reference.build).card["npu"]
    assert npu["cycles"] == pytest.approx(reference.cycles, rel=0.03)
    assert npu["macs"] == pytest.approx(reference.macs, rel=0.01)
    assert npu["cpu_ops"] == []
    assert npu["npu_ops"] == len(operators(converted(reference.build)))
    assert npu["inferences_per_second"] == pytest.approx(npu["clock_hz"] / npu["cycles"])
    assert (npu["accelerator"], npu["clock_hz"]) == ("ethos-u55-128", 500_000_000)
    assert npu["system_config"] == "Ethos_U55_High_End_Embedded"
    assert npu["memory_mode"] == "Shared_Sram"


@pytest.mark.parametrize("name", ["resnet_8", "ds_cnn"])
def test_the_processors_arena_is_that_of_mlperf_tiny(name, converted):
    """The same models without an NPU, in LiteRT Micro on a 64-bit computer."""
    pytest.importorskip("tflite_micro.python.tflite_micro")
    reference = MLPERF_TINY[name]
    arena = micro_arena(converted(reference.build))
    assert arena == pytest.approx(reference.arena_bytes, rel=0.005)


def test_memory_by_hand(compiled):
    """The first stack of ResNet-8 holds three 32 × 32 × 16 tensors of a byte a value at once, or
    two and the weights on their way; nearly all of its 78,666 parameters lie in flash."""
    card = compiled(resnet_8).card
    assert card["memory"]["arena_bytes"] == card["npu"]["sram_bytes"]
    assert 3 * 32 * 32 * 16 <= card["npu"]["sram_bytes"] < 1.15 * 3 * 32 * 32 * 16
    assert card["npu"]["flash_bytes"] == pytest.approx(78_666, rel=0.1)
    assert card["npu"]["dram_bytes"] == 0


@pytest.mark.parametrize(
    ("few", "many"),
    [
        ("ethos-u55-32", "ethos-u55-128"),
        ("ethos-u65-256", "ethos-u65-512"),
        ("ethos-u85-128", "ethos-u85-2048"),
    ],
)
def test_more_multipliers_take_fewer_cycles(few, many, compiled):
    cycles = [compiled(ds_cnn, target).card["npu"]["cycles"] for target in (few, many)]
    assert cycles[0] > 1.3 * cycles[1]


def test_dedicated_sram_keeps_weights_in_dram(compiled):
    card = compiled(ds_cnn, "ethos-u65-256").card
    assert card["npu"]["memory_mode"] == "Dedicated_Sram_384KB"
    assert card["npu"]["flash_bytes"] == 0
    assert card["npu"]["dram_bytes"] > 24_908
    assert 0 < card["npu"]["sram_bytes"] <= 384 * 1024
    assert card["memory"]["arena_bytes"] >= card["npu"]["sram_bytes"]


def test_the_targets_are_all_that_vela_knows():
    features = pytest.importorskip("ethosu.vela.architecture_features")
    ours = {name for name, target in TARGETS.items() if target.compiler == "vela"}
    assert ours == set(features.Accelerator.member_list())


def test_operators_on_the_cpu_are_named_with_the_reason(compiled, converted):
    made = compiled(mixed)
    npu = made.card["npu"]
    left = {each["operator"]: each for each in npu["cpu_ops"]}
    # The converter has no int8 kernel for it, and wraps it into conversions to float and back.
    assert [each["operator"] for each in npu["cpu_ops"]] == ["DEQUANTIZE", "CUMSUM", "QUANTIZE"]
    assert left["CUMSUM"]["reason"] == "Unsupported opType"
    assert left["CUMSUM"]["layer"].endswith("Cumsum")
    assert "unsupported DataType Float32" in left["QUANTIZE"]["reason"]
    assert npu["npu_ops"] == 2
    assert count_operators(made.files["model_vela.tflite"])["ethos-u"] == 2
    methods = set(made.card["firmware"]["operators"])
    assert methods == {"AddEthosU", "AddCumSum", "AddDequantize", "AddQuantize"}
    assert made.card["firmware"]["missing"] is None


def test_an_operator_that_no_firmware_has_is_told(compiled):
    pytest.importorskip("tflite_micro.python.tflite_micro")
    card = compiled(top_k).card
    assert "TOPK_V2" in [each["operator"] for each in card["npu"]["cpu_ops"]]
    assert card["firmware"]["missing"] == "TOPK_V2"


def test_without_leaves_the_other_operators(converted):
    content = converted(mixed)
    before, after = count_operators(content), count_operators(without(content, "CONV_2D"))
    assert after == {name: count for name, count in before.items() if name != "CONV_2D"}


def test_the_bundle_holds_the_compiled_model_as_code(exported):
    bundle = exported("convnet", "ethos-u55-128")
    card, header = load(bundle).card, (bundle / "model_data.h").read_text()
    source = (bundle / "model_data.cc").read_text()
    data = bytes(int(value, 16) for value in re.findall(r"0x([0-9a-f]{2}),", source))
    assert data == (bundle / "model_vela.tflite").read_bytes() != b""
    assert len(data) == card["npu"]["model_bytes"]
    assert re.findall(r"resolver\.(Add\w+)\(\);", header) == ["AddEthosU"]
    assert f"kTensorArenaSize = {card['memory']['arena_bytes'] + 8192};" in header


def test_the_card_tells_the_npus_figures(exported, compiled):
    card = load(exported("convnet", "ethos-u55-128")).card
    npu, text = card["npu"], card_text(card)
    assert f"{npu['cycles']:,} cycles an inference" in text and "at 500 MHz" in text
    assert f"SRAM {npu['sram_bytes']:,} bytes, flash {npu['flash_bytes']:,} bytes" in text
    assert f"Operators on the NPU: {npu['npu_ops']} of {npu['npu_ops']}." in text
    text = card_text(card | compiled(mixed).card)
    assert "Operators on the NPU: 2 of 5; on the CPU:" in text
    assert re.search(r"\n    - CUMSUM `\S+Cumsum`: Unsupported opType\n", text)
    assert "LiteRT Micro lacks TOPK_V2" in card_text(card | compiled(top_k).card)


def test_the_table_has_columns_for_what_some_bundle_has(exported):
    npu, cpu = (load(exported("convnet", name)).card for name in ("ethos-u55-128", "cpu"))
    header, _, first, second = table([npu, cpu]).splitlines()
    assert [cell.strip() for cell in header.split("|")[-3:-1]] == ["arena", "NPU cycles"]
    assert first.split("|")[-2].strip() == f"{npu['npu']['cycles']:,}"
    assert second.split("|")[-2].strip() == "–"
    assert "arena" not in table([cpu]) and "NPU" not in table([cpu])


def damaged(content):
    return content[: len(content) // 2]


def noise(content):
    return np.random.default_rng(0).bytes(1000)


@pytest.mark.slow
@pytest.mark.parametrize("damage", [damaged, noise])
def test_a_damaged_model_is_one_error(damage, converted):
    with pytest.raises(DeployError, match="expected a model that Vela [0-9.]+ compiles") as caught:
        card = {"name": "x", "target": "ethos-u55-128"}
        vela.compile_model(damage(converted(mixed)), card, [])
    assert "\n" not in str(caught.value)


def test_a_model_that_stays_on_the_cpu_is_an_error(compiled):
    with pytest.raises(
        DeployError, match="'ethos-u55-128' runs, received none, and 3 operators .*CUMSUM"
    ):
        compiled(only_cpu)


def test_a_missing_vela_says_what_to_install(monkeypatch):
    def missing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(vela, "version", missing)
    with pytest.raises(DeployError, match="pip install ethos-u-vela"):
        vela.compile_model(b"", {"name": "x", "target": "ethos-u85-256"}, [])
