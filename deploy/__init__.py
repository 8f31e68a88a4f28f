"""Any Keras model to a device: quantize, convert, compile, verify.

The road has seven steps, one module each: `step1_load`, `step2_calibrate`, `step3_convert`,
`step4_compile`, `step5_verify`, `step6_benchmark`, `step7_bundle`; `road` walks it. `targets` is
the table of what each piece of hardware accepts, and `runtime` the part that goes onto the device.
"""

import importlib
from typing import TYPE_CHECKING, Any

from deploy.environment import missing_package
from deploy.runtime.errors import DeployError

if TYPE_CHECKING:
    from deploy.bundle.card_text import table
    from deploy.commands.benchmark import benchmark
    from deploy.commands.export import export
    from deploy.commands.targets import fits
    from deploy.commands.verify import verify
    from deploy.compress.clustering import cluster
    from deploy.compress.pruning import prune
    from deploy.compress.quantization_aware import quantize_aware
    from deploy.compress.wrappers import strip
    from deploy.targets import TARGETS

__all__ = [
    "TARGETS",
    "DeployError",
    "benchmark",
    "cluster",
    "export",
    "fits",
    "prune",
    "quantize_aware",
    "strip",
    "table",
    "verify",
]

_HOMES = {
    "export": "deploy.commands.export",
    "fits": "deploy.commands.targets",
    "verify": "deploy.commands.verify",
    "benchmark": "deploy.commands.benchmark",
    "table": "deploy.bundle.card_text",
    "TARGETS": "deploy.targets",
    "prune": "deploy.compress.pruning",
    "cluster": "deploy.compress.clustering",
    "quantize_aware": "deploy.compress.quantization_aware",
    "strip": "deploy.compress.wrappers",
}


def __getattr__(name: str) -> Any:
    # The device imports `deploy.runtime` where there is no TensorFlow; only what is used is loaded.
    if name in _HOMES:
        try:
            return getattr(importlib.import_module(_HOMES[name]), name)
        except ModuleNotFoundError as error:
            raise missing_package(error.name) from error
    raise AttributeError(f"module 'deploy' has no attribute '{name}'")
