"""Networks that learn what examples have in common, without being told their classes."""

from thinkkeras.models.representation.autoencoder import autoencoder
from thinkkeras.models.representation.contractive import contractive_autoencoder
from thinkkeras.models.representation.contrastive import contrastive_net, projection_head
from thinkkeras.models.representation.conv_autoencoder import conv_autoencoder
from thinkkeras.models.representation.masked_autoencoder import (
    masked_autoencoder,
    masked_encoder,
)

__all__ = [
    "autoencoder",
    "contractive_autoencoder",
    "contrastive_net",
    "conv_autoencoder",
    "masked_autoencoder",
    "masked_encoder",
    "projection_head",
]
