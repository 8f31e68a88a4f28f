"""The child process: results, errors and deaths come back as what they are."""

import signal

import pytest

from deploy import worker

HERE = "tests.deploy.worker_functions"


def test_a_result_comes_back(capfd):
    result, log = worker.call(f"{HERE}:add", a=2, b=3)
    assert result == {"sum": 5}
    assert "adding" in log
    assert capfd.readouterr().out == ""


def test_an_exception_comes_back_with_its_step():
    with pytest.raises(worker.WorkerError, match="KeyError: 'nothing'") as caught:
        worker.call(f"{HERE}:fail")
    assert caught.value.step == "looking up"
    assert not caught.value.crashed


@pytest.mark.parametrize(
    ("number", "name"), [(signal.SIGSEGV, "SIGSEGV"), (signal.SIGKILL, "SIGKILL")]
)
def test_a_death_comes_back_with_its_signal_and_step(number, name):
    with pytest.raises(worker.WorkerError, match=f"died \\({name}\\) while: counting") as caught:
        worker.call(f"{HERE}:die", number=int(number))
    assert caught.value.crashed


def test_an_exit_is_a_death():
    with pytest.raises(worker.WorkerError, match="exit code 3"):
        worker.call(f"{HERE}:leave")
