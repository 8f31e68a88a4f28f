"""Networks that read a sequence: a recording, a sentence, DNA."""

from thinkkeras.models.sequence.crnn import crnn, ctc_net
from thinkkeras.models.sequence.dna_net import dna_net
from thinkkeras.models.sequence.text_classifier import text_classifier

__all__ = ["crnn", "ctc_net", "dna_net", "text_classifier"]
