"""Encoder and decoder: networks that write another sequence than the one they read."""

from thinkkeras.models.translation.attention_translator import (
    attention_translator,
    attention_translator_parts,
)
from thinkkeras.models.translation.parts import TranslatorParts
from thinkkeras.models.translation.transformer_translator import (
    transformer_translator,
    transformer_translator_parts,
)

__all__ = [
    "TranslatorParts",
    "attention_translator",
    "attention_translator_parts",
    "transformer_translator",
    "transformer_translator_parts",
]
