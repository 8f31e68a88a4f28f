"""The part that goes onto the device: NumPy, LiteRT and, for images, Pillow; nothing else.

from deploy import runtime

model = runtime.load("bundle")
model.predict("photo.png")   # {"label": "cat", "index": 3, "probabilities": array([…])}

The folder `deploy/runtime` needs nothing from outside of it: copied as it is into a folder `deploy`
of the device, it runs there.
"""

from deploy.runtime.bundle import load, load_models
from deploy.runtime.errors import DeployError
from deploy.runtime.model import Model
from deploy.runtime.selftest import selftest

__all__ = ["DeployError", "Model", "load", "load_models", "selftest"]
