"""What the tests of this room look at: accuracies and the kernels of models and files."""

import numpy as np
from ai_edge_litert.interpreter import Interpreter

import deploy


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


def kernels_of_wrappers(model):
    return {
        weight.name.split("/")[-2]: weight.numpy()
        for weight in model.weights
        if weight.name.endswith("/kernel:0")
    }
