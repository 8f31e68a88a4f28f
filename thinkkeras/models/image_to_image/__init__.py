"""Networks from picture to picture."""

from thinkkeras.models.image_to_image.style_net import style_net

__all__ = ["style_net"]
