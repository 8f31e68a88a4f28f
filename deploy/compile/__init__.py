"""The targets' own toolchains, one module each: the files that a device wants beside the model,
what the toolchain says of it, and its lines on the card."""

from __future__ import annotations

from deploy.compile import c_array, edgetpu, mediapipe, vela
from deploy.compile.compiled import Compiler

COMPILERS = {
    "c-array": Compiler(c_array.compile_model, c_array.card_lines),
    "edgetpu": Compiler(edgetpu.compile_model, edgetpu.card_lines),
    "mediapipe": Compiler(mediapipe.compile_model, mediapipe.card_lines, mediapipe.adapt),
    "vela": Compiler(vela.compile_model, vela.card_lines),
}
