"""The child process: results, errors and deaths come back as what they are, and it stays warm."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from deploy import worker

HERE = "tests.deploy.worker_functions"


@pytest.fixture(scope="module", autouse=True)
def light_process():
    """A child process of these tests' own, which does not load TensorFlow."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker, "_WARM", HERE)
        patch.setattr(worker, "_warm", None)
        yield
        worker.stop()


def pid() -> int:
    return worker.call(f"{HERE}:pid")[0]


def ended(process: int) -> bool:
    """Whether the process ends within ten seconds."""
    for _ in range(100):
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


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


def test_what_json_can_not_hold_is_an_error():
    with pytest.raises(worker.WorkerError, match="set is not JSON serializable"):
        worker.call("builtins:set")


@pytest.mark.parametrize(
    ("number", "name"), [(signal.SIGSEGV, "SIGSEGV"), (signal.SIGKILL, "SIGKILL")]
)
def test_a_death_comes_back_with_its_signal_and_step(number, name):
    with pytest.raises(worker.WorkerError, match=f"died \\({name}\\) while: counting") as caught:
        worker.call(f"{HERE}:die", number=int(number))
    assert caught.value.crashed
    assert "a last word" in caught.value.log
    assert worker.call(f"{HERE}:add", a=1, b=1)[0] == {"sum": 2}


def test_an_exit_is_a_death():
    with pytest.raises(worker.WorkerError, match="exit code 3"):
        worker.call(f"{HERE}:leave")


def test_one_process_serves_many_calls_each_with_its_own_log_and_step():
    first = pid()
    assert worker.call(f"{HERE}:print_in_c", text="one")[1] == "one\n"
    assert worker.call(f"{HERE}:print_in_c", text="two")[1] == "two\n"
    with pytest.raises(worker.WorkerError):
        worker.call(f"{HERE}:fail")
    with pytest.raises(worker.WorkerError) as caught:
        worker.call(f"{HERE}:nothing_of_this_name")
    assert caught.value.step == "start"
    assert pid() == first


def test_a_process_that_died_in_between_is_replaced():
    first = pid()
    os.kill(first, signal.SIGKILL)
    # As soon as the parent could know it.
    os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
    assert pid() != first


def test_a_process_serves_so_many_calls_and_no_more(monkeypatch):
    worker.stop()
    monkeypatch.setattr(worker, "_REQUESTS", 3)
    pids = [pid() for _ in range(7)]
    assert [pids.count(each) for each in dict.fromkeys(pids)] == [3, 3, 1]


def test_a_fresh_process_serves_one_call():
    warm = pid()
    worker.call(f"{HERE}:remember")
    assert worker.call(f"{HERE}:remembers")[0]
    assert not worker.call(f"{HERE}:remembers", fresh=True)[0]
    own = worker.call(f"{HERE}:pid", fresh=True)[0]
    assert own != warm and ended(own)
    assert pid() == warm


def test_a_process_starts_before_it_is_called():
    worker.stop()
    worker.start()
    process = worker._warm
    worker.start()
    pid()
    assert process is not None and worker._warm is process


def test_threads_wait_for_each_other():
    with ThreadPoolExecutor(8) as pool:
        results = pool.map(lambda k: worker.call(f"{HERE}:add", a=k, b=k)[0]["sum"], range(40))
    assert list(results) == [2 * k for k in range(40)]


def test_the_path_of_the_parent_counts(tmp_path, monkeypatch):
    pid()
    (tmp_path / "brought_along.py").write_text("def seven():\n    return 7\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert worker.call("brought_along:seven")[0] == 7


def test_an_interrupted_call_leaves_nothing_for_the_next():
    def interrupt(*_):
        raise KeyboardInterrupt

    first, before = pid(), signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with pytest.raises(KeyboardInterrupt):
            worker.call(f"{HERE}:sleep", seconds=30)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert ended(first)
    assert worker.call(f"{HERE}:add", a=1, b=1)[0] == {"sum": 2}


def test_ctrl_c_does_not_end_it_between_calls():
    first = pid()
    os.kill(first, signal.SIGINT)
    assert pid() == first


def test_a_forked_parent_has_a_process_of_its_own():
    first, (read, write) = pid(), os.pipe()
    copy = os.fork()
    if copy == 0:
        try:
            os.write(write, str(pid()).encode())
        finally:
            os._exit(0)
    os.waitpid(copy, 0)
    other = int(os.read(read, 100))
    os.close(read)
    os.close(write)
    assert other != first and pid() == first
    # Its parent is gone without a word.
    assert ended(other)


def test_it_ends_with_its_parent():
    script = f"""
from deploy import worker
worker._WARM = "{HERE}"
print(worker.call("{HERE}:pid")[0], flush=True)
input()
"""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", script], text=True, **pipes) as parent:
        process = int(parent.stdout.readline())
        os.kill(process, 0)
        parent.kill()
    assert ended(process)
