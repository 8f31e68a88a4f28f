"""The part that goes onto the device: NumPy, LiteRT and, for pictures, Pillow; nothing else.

from deploy import runtime

model = runtime.load("bundle")
model.predict("photo.png")   # {"label": "cat", "index": 3, "probabilities": array([…])}
"""

from deploy.runtime.model import Model, load
from deploy.runtime.selftest import selftest

__all__ = ["Model", "load", "selftest"]
