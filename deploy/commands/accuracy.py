"""Quantization that keeps the accuracy: convert, measure the loss, name its causes, mend it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from deploy.bundle.card_text import kept_list, operator_list
from deploy.convert.converter import convert
from deploy.convert.float_form import float_form
from deploy.load.source import Source
from deploy.measure.formatting import score
from deploy.measure.interpreters import Run
from deploy.measure.parity import loss_in_points
from deploy.quantize.calibration import Calibration
from deploy.quantize.layer_errors import layer_errors, worst
from deploy.quantize.mixed_precision import keep_accuracy, mix, sensitivity
from deploy.quantize.recipes import PACKAGE
from deploy.runtime.errors import DeployError
from deploy.targets import Target

# As many of the costliest operators are named, and may be kept out of the scheme.
_NAMED = 8


def quantized(
    source: Source,
    row: Target,
    scheme: str,
    mixed: Mapping[str, str],
    examples: Calibration | None,
    arrays: Sequence[np.ndarray],
    judge: Callable[[bytes], tuple[dict[str, Any], Run]],
    tolerance: float,
    fix: bool,
    say: Callable[[str], None],
) -> tuple[bytes, dict[str, Any], Run]:
    """The flatbuffer, its card and its run; the costliest operators named where it loses more than
    the tolerance, and with `fix` kept out of the scheme.

    Args:
        source: the model.
        row: the target.
        scheme: a key of `SCHEMES`.
        mixed: layers with a scheme of their own.
        examples: the calibration, where there is one.
        arrays: one (examples, …) array an input, on which layers are compared.
        judge: the card and the run of a flatbuffer, compared with Keras.
        tolerance: points that the metric may lose.
        fix: mend a larger loss.
        say: prints a line.

    Raises:
        DeployError: the model can't be converted, or mixed not be had.
    """

    def judge_strictly(content: bytes) -> tuple[dict[str, Any], Run] | None:
        card, run = judge(content)
        return None if _loses_more(card, tolerance) else (card, run)

    def errors(content: bytes) -> list[dict[str, Any]]:
        if package is None:
            return []
        reference = float_form(source) if source.trained_weights else floats
        return layer_errors(reference, content, card["inputs"], arrays, source)

    content, floats, package = convert(source, scheme, examples)
    if mixed and package not in (None, PACKAGE):
        raise DeployError(
            f"expected a model that LiteRT's quantizer knows for mixed, received '{source.name}', "
            "which only the converter can quantize; leave mixed out"
        )
    if mixed:
        content, package = mix(floats, scheme, mixed, examples, source), PACKAGE
    say(f"3 convert    {', '.join([scheme, *mixed.values()])}, {len(content):,} bytes")
    (card, run), kept, costly = judge(content), None, []
    layers = errors(content)
    if package and _loses_more(card, tolerance):
        # The converter can't quantize a single operator.
        shown = examples if package == PACKAGE else None
        costly = sensitivity(floats, scheme, shown, source) if shown else worst(layers)
        costly = costly[:_NAMED]
        say(_costly_text(card, costly, row if shown else None))
        if fix and shown:
            others = row.exceptions
            found = keep_accuracy(floats, scheme, others, costly, shown, source, judge_strictly)
            if found:
                before = {"deployed": card["quality"]["deployed"], "size_bytes": len(content)}
                kept = {"operators": found.operators, "before": before}
                content, (card, run) = found.content, found.evaluated
                layers = errors(content)
            say(_kept_text(card, content, kept))
        elif fix:
            say("             fix can't help: only the converter can quantize this model")
    card |= {"quantizer": package, "mixed": mixed, "layers": layers, "costly": costly, "kept": kept}
    return content, card, run


def _loses_more(card: dict[str, Any], tolerance: float) -> bool:
    return bool(card["quality"]) and not loss_in_points(card["quality"]) <= tolerance


def _costly_text(card: dict[str, Any], costly: Sequence[dict[str, Any]], row: Target | None) -> str:
    """`row`: the target, where its exceptions can mend the loss."""
    named = operator_list(costly)
    which = "the operators that cost the most, each alone" if row else "the noisiest operators"
    remedies = (
        [f"fix keeps them in {' or '.join(row.exceptions)}"] if row and row.exceptions else []
    )
    if not card["quantization_aware"]:
        remedies.append("deploy.quantize_aware trains it again")
    return "; ".join(
        [
            f"             loses {loss_in_points(card['quality']):.2f} points",
            *([f"{which}: {named}"] if named else []),
            *remedies,
        ]
    )


def _kept_text(card: dict[str, Any], content: bytes, kept: dict[str, Any] | None) -> str:
    if kept is None:
        return "             no exceptions for the costliest operators keep the tolerance"
    operators, before = kept["operators"], kept["before"]
    return (
        f"             in {operators[0]['scheme']} now: "
        f"{kept_list(operators)}; {card['quality']['metric']} "
        f"{score(card['quality'] | before, 'deployed')} to {score(card['quality'], 'deployed')}, "
        f"{before['size_bytes']:,} to {len(content):,} bytes"
    )
