"""The table of targets, and what its rows refer to."""

import pytest

import deploy
from deploy.compile import COMPILERS
from deploy.measure.interpreters import RUNTIMES
from deploy.schemes import SCHEMES
from deploy.targets import TARGETS, find_target


@pytest.mark.parametrize("target", TARGETS.values(), ids=lambda target: target.name)
def test_every_row_can_be_walked(target):
    assert target.scheme in SCHEMES
    assert target.runtime in RUNTIMES
    assert target.compiler is None or target.compiler in COMPILERS


def test_the_first_targets_are_there():
    assert {"cpu", "cpu-float", "cpu-dynamic", "gpu", "cortex-m"} <= TARGETS.keys()


@pytest.mark.parametrize(
    ("name", "nearest"), [("cpu_float", "cpu-float"), ("cortexm", "cortex-m"), ("GPU", None)]
)
def test_an_unknown_target_gets_the_nearest_name(name, nearest):
    with pytest.raises(deploy.DeployError) as caught:
        find_target(name)
    assert f"received '{name}'" in str(caught.value)
    assert (f"did you mean '{nearest}'?" in str(caught.value)) == (nearest is not None)
