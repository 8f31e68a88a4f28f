"""Any Keras model to a device: quantize, convert, compile, verify.

The road has seven steps, one module each: `step1_load`, `step2_calibrate`, `step3_convert`,
`step4_compile`, `step5_verify`, `step6_benchmark`, `step7_bundle`; `road` walks it. `targets` is
the table of what each piece of hardware accepts, and `runtime` the part that goes onto the device.
"""

import importlib
from typing import TYPE_CHECKING, Any

from deploy.errors import DeployError, missing_package

if TYPE_CHECKING:
    from deploy.compression import cluster, prune, quantize_aware, strip
    from deploy.fit import fits
    from deploy.report import table
    from deploy.road import export
    from deploy.step5_verify import verify
    from deploy.step6_benchmark import benchmark
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
    "export": "deploy.road",
    "fits": "deploy.fit",
    "verify": "deploy.step5_verify",
    "benchmark": "deploy.step6_benchmark",
    "table": "deploy.report",
    "TARGETS": "deploy.targets",
    "prune": "deploy.compression",
    "cluster": "deploy.compression",
    "quantize_aware": "deploy.compression",
    "strip": "deploy.compression",
}


def __getattr__(name: str) -> Any:
    # The device imports `deploy.runtime` where there is no TensorFlow; only what is used is loaded.
    if name in _HOMES:
        try:
            return getattr(importlib.import_module(_HOMES[name]), name)
        except ModuleNotFoundError as error:
            raise missing_package(error.name) from error
    raise AttributeError(f"module 'deploy' has no attribute '{name}'")
