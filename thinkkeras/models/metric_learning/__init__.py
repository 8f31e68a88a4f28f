"""Networks that learn a distance: embeddings, prototypes, and twins that compare two images."""

from thinkkeras.models.metric_learning.embedding_net import embedding_net
from thinkkeras.models.metric_learning.prototypes import prototypical_logits
from thinkkeras.models.metric_learning.siamese_net import siamese_net

__all__ = ["embedding_net", "prototypical_logits", "siamese_net"]
