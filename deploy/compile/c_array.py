"""The model as a C array, with what a firmware needs to run it on LiteRT Micro."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from deploy.compile.compiled import Compiled
from deploy.flatbuffer import count_operators
from deploy.measure.interpreters import micro_arena

# Operators whose method in LiteRT Micro's MicroMutableOpResolver is not their name in camel case.
_RESOLVER_METHODS = {
    "BATCH_MATMUL": "AddBatchMatMul",
    "CUMSUM": "AddCumSum",
    "PADV2": "AddPadV2",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "AddUnidirectionalSequenceLSTM",
    "ethos-u": "AddEthosU",
}

_ARENA = """\
// The smallest arena in which LiteRT Micro ran the model on a 64-bit computer. A 32-bit
// microcontroller needs somewhat less; optimized kernels (CMSIS-NN) may need more scratch space."""

_HEADER = """\
// Made by ThinkKeras from {name}. Do not edit: export the model again.
#ifndef MODEL_DATA_H_
#define MODEL_DATA_H_

#include <cstddef>

// The TFLite flatbuffer, {size} bytes; aligned as LiteRT Micro asks.
extern const unsigned char g_model_data[];
extern const std::size_t g_model_data_size;

{comment}
constexpr std::size_t kTensorArenaSize = {arena};

// Registers the operators that the model uses, and no others:
//   tflite::MicroMutableOpResolver<kOperatorCount> resolver;
//   RegisterOperators(resolver);
constexpr unsigned int kOperatorCount = {count};

template <typename Resolver>
void RegisterOperators(Resolver& resolver) {{
{calls}
}}

#endif  // MODEL_DATA_H_
"""

_SOURCE = """\
// Made by ThinkKeras from {name}. Do not edit: export the model again.
#include "model_data.h"

alignas(16) const unsigned char g_model_data[] = {{
{rows}
}};
const std::size_t g_model_data_size = sizeof(g_model_data);
"""


def compile_model(content: bytes, card: Mapping[str, Any], class_names: Sequence[str]) -> Compiled:
    """The model as a constant C array, with what a firmware needs to run it: the arena's size,
    measured in the LiteRT Micro interpreter, and the operators to register.

    Args:
        content: the flatbuffer.
        card: its `name` stands in the files' first line.
        class_names: not used; a firmware prints what it likes.

    Raises:
        DeployError: LiteRT Micro can't run the model.
    """
    arena = micro_arena(content)
    methods = resolver_methods(content)
    return Compiled(
        files=firmware_files(content, card["name"], methods, arena, _ARENA),
        card={"memory": {"arena_bytes": arena}, "firmware": {"operators": methods}},
    )


def card_lines(card: Mapping[str, Any]) -> list[str]:
    """The arena that was measured, and the operators to register."""
    arena = "the smallest in which LiteRT Micro ran the model on a 64-bit computer"
    return firmware_lines(card, arena)


def firmware_lines(card: Mapping[str, Any], arena: str) -> list[str]:
    """What a firmware needs, of the card's `memory` and `firmware`; `arena` says in words where the
    arena's size comes from."""
    return [
        f"- Arena {card['memory']['arena_bytes']:,} bytes: {arena}.",
        f"- Register in the firmware: {', '.join(card['firmware']['operators'])}.",
    ]


def firmware_files(
    content: bytes, name: str, methods: Sequence[str], arena: int, comment: str
) -> dict[str, bytes]:
    """`model_data.h` and `model_data.cc`: the flatbuffer as an array, its operators, its arena.

    Args:
        content: the flatbuffer.
        name: stands in the files' first line.
        methods: those of the resolver, as `resolver_methods` gives them.
        arena: bytes.
        comment: lines of C++ comment that say where this number comes from.
    """
    header = _HEADER.format(
        name=_in_comment(name),
        size=len(content),
        comment=comment,
        arena=arena,
        count=len(methods),
        calls="\n".join(f"  resolver.{method}();" for method in methods),
    )
    rows = (
        "    " + " ".join(f"0x{byte:02x}," for byte in content[start : start + 12])
        for start in range(0, len(content), 12)
    )
    source = _SOURCE.format(name=_in_comment(name), rows="\n".join(rows))
    return {"model_data.h": header.encode(), "model_data.cc": source.encode()}


def _in_comment(name: str) -> str:
    # A line break or a backslash at its end would carry on into the code.
    return re.sub(r"[^\w .:-]", "_", name)


def resolver_methods(content: bytes) -> list[str]:
    """The methods of a resolver that knows the operators of this flatbuffer, and no others."""
    return [resolver_method(operator) for operator in sorted(count_operators(content))]


def resolver_method(operator: str) -> str:
    """The method of LiteRT Micro's `MicroMutableOpResolver` that registers `operator`."""
    camel_case = "".join(
        part if part[0].isdigit() else part.capitalize() for part in operator.split("_")
    )
    return _RESOLVER_METHODS.get(operator, f"Add{camel_case}")
