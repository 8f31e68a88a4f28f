"""The C array: the same bytes, in code that compiles."""

import re
import shutil
import subprocess

import keras
import numpy as np
import pytest

from deploy import DeployError
from deploy.compile.c_array import resolver_method
from deploy.convert.converter import convert
from deploy.load.readers import load as load_source
from deploy.measure.interpreters import run_micro
from deploy.runtime import load


@pytest.fixture(scope="module")
def bundle(exported):
    return exported("convnet", "cortex-m")


def test_the_array_holds_the_model(bundle):
    source = (bundle / "model_data.cc").read_text()
    data = bytes(int(value, 16) for value in re.findall(r"0x([0-9a-f]{2}),", source))
    assert data == (bundle / "model.tflite").read_bytes()
    assert "alignas(16) const unsigned char g_model_data[]" in source


def test_the_header_names_the_operators_and_the_arena(bundle):
    card, header = load(bundle).card, (bundle / "model_data.h").read_text()
    assert re.findall(r"resolver\.(Add\w+)\(\);", header) == card["firmware"]["operators"]
    assert f"kOperatorCount = {len(card['ops'])};" in header
    assert f"kTensorArenaSize = {card['memory']['arena_bytes']};" in header


def test_the_arena_is_enough_and_no_byte_too_much(bundle):
    runtime = pytest.importorskip("tflite_micro.python.tflite_micro").runtime
    arena = load(bundle).card["memory"]["arena_bytes"]
    path = str(bundle / "model.tflite")
    runtime.Interpreter.from_file(path, arena_size=arena).invoke()
    with pytest.raises(RuntimeError):
        runtime.Interpreter.from_file(path, arena_size=arena - 16)


@pytest.mark.skipif(shutil.which("g++") is None, reason="no C++ compiler")
def test_the_array_compiles_and_is_aligned(bundle, tmp_path):
    main = tmp_path / "main.cc"
    main.write_text(
        '#include "model_data.h"\n#include <cstdint>\n'
        "struct Resolver { int count = 0;\n"
        + "".join(f"  void {name}() {{ ++count; }}\n" for name in firmware_operators(bundle))
        + "};\nint main() { Resolver resolver; RegisterOperators(resolver);\n"
        "  if (resolver.count != kOperatorCount) return 1;\n"
        "  if (reinterpret_cast<std::uintptr_t>(g_model_data) % 16) return 2;\n"
        f"  return g_model_data_size == {(bundle / 'model.tflite').stat().st_size} ? 0 : 3; }}\n"
    )
    program = tmp_path / "main"
    command = ["g++", "-std=c++17", "-Wall", "-Werror", f"-I{bundle}", main]
    subprocess.run([*command, bundle / "model_data.cc", "-o", program], check=True)
    assert subprocess.run([program]).returncode == 0


def firmware_operators(bundle):
    return load(bundle).card["firmware"]["operators"]


@pytest.mark.parametrize(
    ("operator", "method"),
    [
        ("CONV_2D", "AddConv2D"),
        ("DEPTHWISE_CONV_2D", "AddDepthwiseConv2D"),
        ("L2_NORMALIZATION", "AddL2Normalization"),
        ("SPACE_TO_BATCH_ND", "AddSpaceToBatchNd"),
        ("BATCH_MATMUL", "AddBatchMatMul"),
        ("PADV2", "AddPadV2"),
        ("UNIDIRECTIONAL_SEQUENCE_LSTM", "AddUnidirectionalSequenceLSTM"),
    ],
)
def test_the_resolvers_methods(operator, method):
    # Names as in LiteRT Micro's micro_mutable_op_resolver.h.
    assert resolver_method(operator) == method


def test_an_operator_that_litert_micro_has_not_is_an_error():
    x = keras.Input((9,))
    content = convert(
        load_source(keras.Model(x, keras.ops.top_k(x, 3)[0])), "float32", None
    ).content
    with pytest.raises(DeployError, match="that LiteRT Micro has, received TOPK_V2,"):
        run_micro(content, [np.zeros((1, 9), "float32")])
