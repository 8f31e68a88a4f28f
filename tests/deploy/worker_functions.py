"""What the tests of the child process run in it."""

import ctypes
import os
import sys
import time

from deploy import worker

_remembered: list[bool] = []


def add(a, b):
    print("adding")
    return {"sum": a + b}


def fail():
    worker.step("looking up")
    return {}["nothing"]


def die(number):
    worker.step("counting")
    print("a last word", file=sys.stderr)
    os.kill(os.getpid(), number)


def leave():
    os._exit(3)


def pid():
    return os.getpid()


def print_in_c(text):
    # It stays in a buffer of the C library, of which Python knows nothing.
    ctypes.CDLL(None).puts(text.encode())


def remember():
    _remembered.append(True)


def remembers():
    return bool(_remembered)


def sleep(seconds):
    time.sleep(seconds)
