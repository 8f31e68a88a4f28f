"""The Edge TPU: its published rules operator by operator, and its compiler where there is one."""

import json
import sys

import flatbuffers
import keras
import numpy as np
import pytest
from tensorflow.lite.python import schema_py_generated as schema

import deploy
from deploy.bundle.card_text import card_text
from deploy.compile.edgetpu import check, compile_model, compiler_report
from deploy.convert.converter import convert
from deploy.load.readers import load as load_source
from deploy.quantize.calibration import calibrate
from deploy.runtime import load

IMAGE, VECTOR = (1, 8, 8, 4), (1, 12)


def one_operator(name, operands, output, options=None, **fields):
    """The flatbuffer of a model of one operator. An operand is a shape (int8 data), an array (a
    constant), shape and dtype, shape and dtype and True (state), or None; `output` is likewise."""
    model = schema.ModelT()
    model.buffers, graph = [schema.BufferT()], schema.SubGraphT()
    graph.tensors, code, operator = [], schema.OperatorCodeT(), schema.OperatorT()

    def add(given, called):
        if given is None:
            return -1
        tensor = schema.TensorT()
        tensor.name, tensor.quantization = called, schema.QuantizationParametersT()
        tensor.quantization.scale, tensor.quantization.zeroPoint = [0.1], [3]
        shape, dtype, tensor.buffer = given, "int8", 0
        if isinstance(given, np.ndarray):
            shape, dtype, tensor.buffer = given.shape, given.dtype.name, len(model.buffers)
            model.buffers.append(schema.BufferT())
            model.buffers[-1].data = np.frombuffer(given.tobytes(), "uint8")
        elif given and isinstance(given[1], str):
            shape, dtype, *state = given
            tensor.isVariable = bool(state)
        tensor.shape = [max(size, 1) for size in shape]
        tensor.shapeSignature = list(shape)
        tensor.type = getattr(schema.TensorType, dtype.upper())
        graph.tensors.append(tensor)
        return len(graph.tensors) - 1

    operator.inputs = [add(given, f"input_{k}") for k, given in enumerate(operands)]
    operator.outputs = [add(output, "output")]
    code.builtinCode = getattr(schema.BuiltinOperator, name)
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    if options:
        operator.builtinOptions = getattr(schema, f"{options}OptionsT")()
        operator.builtinOptionsType = getattr(schema.BuiltinOptions, f"{options}Options")
        vars(operator.builtinOptions).update(fields)
    graph.operators, model.operatorCodes, model.subgraphs = [operator], [code], [graph]
    model.version = 3
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def int8(*shape):
    return np.ones(shape, "int8")


def int32(*values):
    return np.array(values, "int32")


KERNEL, BIAS = int8(4, 3, 3, 4), int32(1, 2, 3, 4)
MATRIX = int8(5, 12)
LSTM = [(1, 10, 6), *[int8(4, 6)] * 4, *[int8(4, 4)] * 4, *[None] * 3, *[BIAS] * 4, None, None]
LSTM += [((1, 4), "int8", True), ((1, 4), "int16", True)]

# What stands in the model, and a part of the reason (None: it runs on the Edge TPU).
CASES = {
    "convolution": (("CONV_2D", [IMAGE, KERNEL, BIAS], IMAGE, "Conv2D"), None),
    "convolution without bias": (("CONV_2D", [IMAGE, KERNEL], IMAGE, "Conv2D"), None),
    "dilation": (
        ("CONV_2D", [IMAGE, KERNEL], IMAGE, "Conv2D", {"dilationWFactor": 2, "dilationHFactor": 2}),
        None,
    ),
    "uneven dilation": (
        ("CONV_2D", [IMAGE, KERNEL], IMAGE, "Conv2D", {"dilationWFactor": 2}),
        "has dilations of 2 in x and 1 in y",
    ),
    "uneven depthwise dilation": (
        (
            "DEPTHWISE_CONV_2D",
            [IMAGE, int8(1, 3, 3, 4)],
            IMAGE,
            "DepthwiseConv2D",
            {"dilationHFactor": 3},
        ),
        "has dilations of 1 in x and 3 in y",
    ),
    "computed kernel": (
        ("CONV_2D", [IMAGE, (4, 3, 3, 4), BIAS], IMAGE, "Conv2D"),
        "that are no constants",
    ),
    "computed bias": (
        ("CONV_2D", [IMAGE, KERNEL, ((4,), "int32")], IMAGE, "Conv2D"),
        "that are no constants",
    ),
    "float kernel": (
        ("CONV_2D", [IMAGE, KERNEL.astype("float32")], IMAGE, "Conv2D"),
        "works on float32",
    ),
    "16-bit activations": (
        ("CONV_2D", [(IMAGE, "int16"), KERNEL], (IMAGE, "int16"), "Conv2D"),
        "works on int16",
    ),
    "unsigned": (("RELU", [(IMAGE, "uint8")], (IMAGE, "uint8")), None),
    "dynamic": (("RELU", [(1, -1, 8, 4)], (1, -1, 8, 4)), "has a dynamic size"),
    "batch": (("RELU", [(2, 8, 8, 4)], (2, 8, 8, 4)), "more than 3 dimensions"),
    "five dimensions": (("RELU", [(1, 1, 8, 8, 4)], (1, 1, 8, 8, 4)), None),
    "volume": (("RELU", [(1, 5, 8, 8, 4)], (1, 5, 8, 8, 4)), "more than 3 dimensions"),
    "addition": (("ADD", [IMAGE, IMAGE], IMAGE, "Add"), None),
    "pooling": (("MAX_POOL_2D", [IMAGE], (1, 4, 4, 4), "Pool2D"), None),
    "pooling and ReLU": (
        ("AVERAGE_POOL_2D", [IMAGE], IMAGE, "Pool2D", {"fusedActivationFunction": 1}),
        "has a fused activation function",
    ),
    "concatenation": (("CONCATENATION", [IMAGE, IMAGE], (1, 8, 8, 8), "Concatenation"), None),
    # The zero point is 3.
    "concatenated zeros": (
        ("CONCATENATION", [VECTOR, 3 * int8(1, 2)], (1, 14), "Concatenation"),
        None,
    ),
    "concatenated ones": (
        ("CONCATENATION", [VECTOR, int8(1, 2)], (1, 14), "Concatenation"),
        "must be all zeros and one of 2 inputs",
    ),
    "concatenated zeros among three": (
        ("CONCATENATION", [VECTOR, VECTOR, 3 * int8(1, 2)], (1, 26), "Concatenation"),
        "must be all zeros and one of 2 inputs",
    ),
    "dense": (("FULLY_CONNECTED", [VECTOR, MATRIX], (1, 5), "FullyConnected"), None),
    "dense in time": (
        ("FULLY_CONNECTED", [(1, 7, 12), MATRIX], (1, 7, 5), "FullyConnected"),
        "has an output of shape (1, 7, 5)",
    ),
    "shuffled weights": (
        ("FULLY_CONNECTED", [VECTOR, MATRIX], (1, 5), "FullyConnected", {"weightsFormat": 1}),
        "another format than the default",
    ),
    "softmax": (("SOFTMAX", [(1, 16_000)], (1, 16_000), "Softmax"), None),
    "large softmax": (("SOFTMAX", [(1, 16_001)], (1, 16_001), "Softmax"), "16,001 elements"),
    "softmax in time": (("SOFTMAX", [(1, 7, 12)], (1, 7, 12), "Softmax"), "(1, 7, 12)"),
    "average in space": (("MEAN", [IMAGE, int32(1, 2)], (1, 4), "Reducer"), None),
    "average of 4 channels": (("MEAN", [IMAGE, int32(-1)], (1, 8, 8), "Reducer"), None),
    "average of 3 channels": (
        ("MEAN", [(1, 8, 8, 3), int32(-1)], (1, 8, 8), "Reducer"),
        "averages over 3 channels",
    ),
    "average of the batch": (
        ("MEAN", [IMAGE, int32(0)], (8, 8, 4), "Reducer"),
        "averages over the batch",
    ),
    "maximum in space": (("REDUCE_MAX", [IMAGE, int32(1, 2)], (1, 4), "Reducer"), None),
    "minimum of the batch": (
        ("REDUCE_MIN", [IMAGE, int32(-4)], (8, 8, 4), "Reducer"),
        "reduces the batch dimension",
    ),
    "sum of the batch": (("SUM", [IMAGE, int32(0)], (8, 8, 4), "Reducer"), "reduces the batch"),
    "stack": (("PACK", [VECTOR, VECTOR], (1, 2, 12), "Pack", {"axis": 1}), None),
    "stack of batches": (("PACK", [VECTOR, VECTOR], (2, 1, 12), "Pack"), "packs along the batch"),
    "padding": (("PAD", [VECTOR, np.int32([[0, 0], [1, 2]])], (1, 15)), None),
    "padded batch": (("PAD", [VECTOR, np.int32([[0, 1], [0, 0]])], (2, 12)), "pads the batch"),
    "split": (("SPLIT", [int32(3), IMAGE], (1, 8, 8, 2), "Split"), None),
    "split batch": (("SPLIT", [int32(0), IMAGE], IMAGE, "Split"), "splits the batch dimension"),
    "crop": (
        ("STRIDED_SLICE", [VECTOR, int32(0, 1), int32(1, 9), int32(1, 1)], (1, 8), "StridedSlice"),
        None,
    ),
    "every second": (
        ("STRIDED_SLICE", [VECTOR, int32(0, 0), int32(1, 12), int32(1, 2)], (1, 6), "StridedSlice"),
        "has strides of [1, 2]",
    ),
    "new axis": (
        (
            "STRIDED_SLICE",
            [VECTOR, int32(0, 0), int32(1, 12), int32(1, 1)],
            (1, 1, 12),
            "StridedSlice",
            {"newAxisMask": 1},
        ),
        "a new axis mask",
    ),
    "PReLU by channel": (("PRELU", [IMAGE, int8(1, 1, 4)], IMAGE), None),
    "PReLU by pixel": (("PRELU", [IMAGE, int8(8, 8, 4)], IMAGE), "PReLU(shared_axes=[1, 2])"),
    "transposed convolution": (
        ("TRANSPOSE_CONV", [int32(1, 8, 8, 4), KERNEL, IMAGE, BIAS], IMAGE, "TransposeConv"),
        None,
    ),
    "resize": (
        ("RESIZE_BILINEAR", [IMAGE, int32(16, 16)], (1, 16, 16, 4), "ResizeBilinear"),
        None,
    ),
    "LSTM": (("UNIDIRECTIONAL_SEQUENCE_LSTM", LSTM, (1, 10, 4)), None),
    "two-way LSTM": (
        ("BIDIRECTIONAL_SEQUENCE_LSTM", LSTM, (1, 10, 4)),
        "is not an operator of the Edge TPU",
    ),
    "leaky ReLU": (("LEAKY_RELU", [IMAGE], IMAGE), "is not an operator of the Edge TPU"),
    "dequantization": (
        ("DEQUANTIZE", [IMAGE], (IMAGE, "float32")),
        "is not an operator of the Edge TPU",
    ),
    "quantization of floats": (("QUANTIZE", [(IMAGE, "float32")], IMAGE), "works on float32"),
}


@pytest.mark.parametrize(("given", "expected"), CASES.values(), ids=CASES)
def test_one_operator(given, expected):
    fields = given[4] if len(given) > 4 else {}
    (verdict,) = check(one_operator(*given[:4], **fields))
    assert verdict["operator"] == given[0] and verdict["layer"] == "output"
    assert verdict["tpu"] == (expected is None) == (verdict["reason"] is None)
    assert expected is None or expected in verdict["reason"]


def converted(layers, scheme):
    source = load_source(keras.Sequential([keras.Input((8, 8, 4)), *layers]))
    arrays = np.random.default_rng(0).normal(size=(8, 8, 8, 4)).astype("float32")
    return convert(source, scheme, calibrate(arrays, source, 0)).content


@pytest.fixture(scope="module")
def interrupted():
    """Two convolutions with a sine, which TFLite has in float only, between them."""
    layers = [keras.layers.Conv2D(4, 3), keras.layers.Lambda(keras.ops.sin)]
    return converted([*layers, keras.layers.Conv2D(4, 3)], "int8")


def test_all_after_the_first_unsupported_operator_runs_on_the_cpu(interrupted):
    verdicts = check(interrupted)
    assert [(v["operator"], v["tpu"]) for v in verdicts] == [
        ("CONV_2D", True),
        ("DEQUANTIZE", False),
        ("SIN", False),
        ("QUANTIZE", False),
        ("CONV_2D", False),
    ]
    assert [v["reason"] for v in verdicts] == [
        None,
        "is not an operator of the Edge TPU",
        "is not an operator of the Edge TPU",
        "works on float32; tensors must be quantized to int8 or uint8",
        f"comes after DEQUANTIZE '{verdicts[1]['layer']}', and the compiler makes one partition "
        "only",
    ]


def test_a_float_model_stays_on_the_cpu():
    layers = [keras.layers.Conv2D(4, 3), keras.layers.Flatten(), keras.layers.Dense(3)]
    verdicts = check(converted(layers, "float32"))
    assert [v["operator"] for v in verdicts] == ["CONV_2D", "RESHAPE", "FULLY_CONNECTED"]
    assert {v["reason"] for v in verdicts} == {
        "works on float32; tensors must be quantized to int8 or uint8"
    }


def test_a_convnet_runs_on_the_edge_tpu_as_a_whole(exported, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    bundle = exported("convnet", "coral")
    card = load(bundle).card
    coral, count = card["coral"], sum(card["ops"].values())
    assert (coral["on_tpu"], coral["on_cpu"], len(coral["operators"])) == (count, 0, count)
    assert not coral["compiled"]
    assert coral["note"] == "not compiled: edgetpu_compiler is not on the PATH"
    assert not (bundle / "model_edgetpu.tflite").exists()
    assert (
        f"- Edge TPU, by the published rules of its compiler: {count} of {count} operators run on "
        f"it, 0 on the CPU. The model is {coral['note']}.\n"
    ) in (bundle / "card.md").read_text()
    assert card["scheme"] == "int8" and deploy.TARGETS["coral"].compiler == "edgetpu"


# As the compiler 16.0 prints for such a model.
LOG = """\
Edge TPU Compiler version 16.0.384591198
Started a compilation timeout timer of 180 seconds.

Model compiled successfully in 93 ms.

Input model: model.tflite
Input size: 4.05KiB
Output model: model_edgetpu.tflite
Output size: 8.70MiB
On-chip memory used for caching model parameters: 3.25KiB
On-chip memory remaining for caching model parameters: 7.50MiB
Off-chip memory used for streaming uncached model parameters: 0.00B
Number of Edge TPU subgraphs: 1
Total number of operations: 5
Operation log: model_edgetpu.log

Model successfully compiled but not all operations are supported by the Edge TPU. A percentage of \
the model will instead run on the CPU, which is slower.
Number of operations that will run on Edge TPU: 1
Number of operations that will run on CPU: 4

Operator                       Count      Status

CONV_2D                        1          Mapped to Edge TPU
CONV_2D                        1          More than one subgraph is not supported
DEQUANTIZE                     1          Operation is working on an unsupported data type
SIN                            1          Operation not supported
QUANTIZE                       1          Operation is otherwise supported, but not mapped due to \
some unspecified limitation
Compilation child process completed within timeout period.
Compilation succeeded!
"""

# The real one is called as `edgetpu_compiler -s -o FOLDER MODEL` and writes the model and a log.
COMPILER = """\
#!{python}
import pathlib, sys
assert sys.argv[1:3] == ["-s", "-o"] and len(sys.argv) == 5
model, folder = pathlib.Path(sys.argv[4]), pathlib.Path(sys.argv[3])
print({log!r})
if {code} == 0:
    (folder / (model.stem + "_edgetpu.tflite")).write_bytes(model.read_bytes() + b"compiled")
    (folder / (model.stem + "_edgetpu.log")).write_text("the table again")
sys.exit({code})
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """`install(log, code)`: a compiler on the PATH which prints and ends so."""

    def write(log, code):
        program = tmp_path / "edgetpu_compiler"
        program.write_text(COMPILER.format(python=sys.executable, log=log, code=code))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))

    return write


def test_the_compiler_is_run_where_there_is_one(interrupted, install):
    install(LOG, 0)
    files, card = compile_model(interrupted, {}, [])
    assert files == {"model_edgetpu.tflite": interrupted + b"compiled"}
    coral = card["coral"]
    assert coral["compiled"] and (coral["on_tpu"], coral["on_cpu"]) == (1, 4)
    assert coral["note"] == "compiled by Edge TPU Compiler version 16.0.384591198"
    assert coral["operators"] == check(interrupted)
    report = coral["report"]
    assert report["on_chip_used_bytes"] == 3328
    assert report["on_chip_remaining_bytes"] == 7_864_320
    assert (report["off_chip_bytes"], report["subgraphs"]) == (0, 1)
    assert [(row["operator"], row["count"], row["tpu"]) for row in report["operators"]] == [
        ("CONV_2D", 1, True),
        ("CONV_2D", 1, False),
        ("DEQUANTIZE", 1, False),
        ("SIN", 1, False),
        ("QUANTIZE", 1, False),
    ]
    assert report["operators"][3]["status"] == "Operation not supported"
    json.dumps(card, allow_nan=False)


def test_the_card_says_what_the_compiler_said(interrupted, install, exported):
    install(LOG, 0)
    card = load(exported("convnet", "cpu")).card | {"target": "coral"}
    text = card_text(card | compile_model(interrupted, {}, []).card)
    assert "Edge TPU, by its compiler: 1 of 5 operators run on it, 4 on the CPU." in text
    assert (
        "on the Edge TPU: 3.3 kB used, 7864.3 kB remaining, 0.0 kB streamed from outside." in text
    )
    assert (
        "- On the CPU: CONV_2D × 1 (More than one subgraph is not supported); DEQUANTIZE × 1 "
        "(Operation is working on an unsupported data type); SIN × 1 (Operation not supported); "
        "and 1 more, as card.json says.\n"
    ) in text


def test_a_compiler_that_fails_leaves_the_rules_verdict(interrupted, install):
    install("Edge TPU Compiler version 16.0\n\nInternal compiler error. Aborting!", 1)
    files, card = compile_model(interrupted, {}, [])
    assert files == {} and not card["coral"]["compiled"]
    assert (card["coral"]["on_tpu"], card["coral"]["on_cpu"]) == (1, 4)
    assert card["coral"]["note"] == (
        "not compiled: edgetpu_compiler gave exit code 1: Internal compiler error. Aborting!"
    )


def test_a_compiler_that_does_not_start_leaves_the_rules_verdict(interrupted, install, tmp_path):
    install("", 0)
    (tmp_path / "edgetpu_compiler").write_text("#!/nowhere\n")
    note = compile_model(interrupted, {}, []).card["coral"]["note"]
    assert note == "not compiled: edgetpu_compiler does not start: No such file or directory"


def test_a_compiler_that_hangs_leaves_the_rules_verdict(
    interrupted, install, tmp_path, monkeypatch
):
    install("", 0)
    (tmp_path / "edgetpu_compiler").write_text(f"#!{sys.executable}\nimport time\ntime.sleep(60)\n")
    monkeypatch.setattr("deploy.compile.edgetpu._TIMEOUT_S", 0.2)
    note = compile_model(interrupted, {}, []).card["coral"]["note"]
    assert note == "not compiled: edgetpu_compiler took more than 0.2 s"


def test_a_report_without_figures():
    report = compiler_report("")
    assert report == {
        "version": "edgetpu_compiler",
        "on_chip_used_bytes": None,
        "on_chip_remaining_bytes": None,
        "off_chip_bytes": None,
        "subgraphs": None,
        "operators": [],
    }
