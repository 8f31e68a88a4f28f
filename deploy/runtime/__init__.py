"""The part that goes onto the device: NumPy, LiteRT and, for images, Pillow; nothing else.

from deploy import runtime

model = runtime.load("bundle")
model.predict("photo.png")   # {"label": "cat", "index": 3, "probabilities": array([…])}

The folder `deploy/runtime` needs nothing from outside of it: copied as it is into a folder `deploy`
of the device, it runs there.
"""

import importlib
from typing import TYPE_CHECKING, Any

from deploy.runtime.errors import DeployError

if TYPE_CHECKING:
    from deploy.runtime.bundle import load, load_models
    from deploy.runtime.inputs.log_mel import log_mel
    from deploy.runtime.model import Model
    from deploy.runtime.self_test import selftest
    from deploy.runtime.signature import check_signature
    from deploy.runtime.streaming import stream
    from deploy.runtime.tasks.generation import generate
    from deploy.runtime.tasks.recognition import enrol, enrolled, forget, recognise
    from deploy.runtime.tasks.translation import Translator

__all__ = [
    "DeployError",
    "Model",
    "Translator",
    "check_signature",
    "enrol",
    "enrolled",
    "forget",
    "generate",
    "load",
    "load_models",
    "log_mel",
    "recognise",
    "selftest",
    "stream",
]

_HOMES = {
    "Model": "deploy.runtime.model",
    "Translator": "deploy.runtime.tasks.translation",
    "check_signature": "deploy.runtime.signature",
    "enrol": "deploy.runtime.tasks.recognition",
    "enrolled": "deploy.runtime.tasks.recognition",
    "forget": "deploy.runtime.tasks.recognition",
    "generate": "deploy.runtime.tasks.generation",
    "load": "deploy.runtime.bundle",
    "load_models": "deploy.runtime.bundle",
    "log_mel": "deploy.runtime.inputs.log_mel",
    "recognise": "deploy.runtime.tasks.recognition",
    "selftest": "deploy.runtime.self_test",
    "stream": "deploy.runtime.streaming",
}


def __getattr__(name: str) -> Any:
    # Whoever wants nothing but the error, a table of targets say, loads neither NumPy nor LiteRT.
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'deploy.runtime' has no attribute '{name}'")
