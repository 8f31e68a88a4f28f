"""Any Keras model to a device: quantize, convert, compile, verify.

`commands` has a file for each thing to do: `commands/export.py` is the whole way from a Keras model
to a verified bundle, in seven steps. Each step has a folder of its own: `load`, `quantize`,
`convert`, `compile`, `measure`, `bundle`; `tasks` knows what models are for, `compress` trains
smaller ones. `targets`, `boards` and `schemes` are the tables, and `runtime` is the part that goes
onto the device.
"""

import importlib
from typing import TYPE_CHECKING, Any

from deploy.environment import missing_package
from deploy.runtime.errors import DeployError

if TYPE_CHECKING:
    from deploy.bundle.card_text import table
    from deploy.commands.benchmark import benchmark
    from deploy.commands.export import export, export_models
    from deploy.commands.predict import decode, predict
    from deploy.commands.targets import check_targets
    from deploy.commands.verify import verify
    from deploy.compress.clustering import cluster
    from deploy.compress.pruning import prune
    from deploy.compress.quantization_aware import quantize_aware
    from deploy.compress.wrappers import strip
    from deploy.schemes import Quantization
    from deploy.targets import TARGETS
    from deploy.tasks.anomaly import anomaly_threshold
    from deploy.tasks.evaluation import TestData
    from deploy.tasks.recognition import recognition_threshold

__all__ = [
    "TARGETS",
    "DeployError",
    "Quantization",
    "TestData",
    "anomaly_threshold",
    "benchmark",
    "check_targets",
    "cluster",
    "decode",
    "export",
    "export_models",
    "new_key",
    "predict",
    "prune",
    "quantize_aware",
    "recognition_threshold",
    "sign",
    "strip",
    "table",
    "verify",
]

_HOMES = {
    "TARGETS": "deploy.targets",
    "Quantization": "deploy.schemes",
    "TestData": "deploy.tasks.evaluation",
    "anomaly_threshold": "deploy.tasks.anomaly",
    "benchmark": "deploy.commands.benchmark",
    "check_targets": "deploy.commands.targets",
    "cluster": "deploy.compress.clustering",
    "decode": "deploy.commands.predict",
    "export": "deploy.commands.export",
    "export_models": "deploy.commands.export",
    "predict": "deploy.commands.predict",
    "prune": "deploy.compress.pruning",
    "quantize_aware": "deploy.compress.quantization_aware",
    "new_key": "deploy.commands.sign",
    "recognition_threshold": "deploy.tasks.recognition",
    "sign": "deploy.commands.sign",
    "strip": "deploy.compress.wrappers",
    "table": "deploy.bundle.card_text",
    "verify": "deploy.commands.verify",
}


def __getattr__(name: str) -> Any:
    # The device imports `deploy.runtime` where there is no TensorFlow; only what is used is loaded.
    if name in _HOMES:
        try:
            return getattr(importlib.import_module(_HOMES[name]), name)
        except ModuleNotFoundError as error:
            raise missing_package(error.name) from error
    raise AttributeError(f"module 'deploy' has no attribute '{name}'")
