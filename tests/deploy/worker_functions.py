"""What the tests of the child process run in it."""

import os

from deploy import worker


def add(a, b):
    print("adding")
    return {"sum": a + b}


def fail():
    worker.step("looking up")
    return {}["nothing"]


def die(number):
    worker.step("counting")
    os.kill(os.getpid(), number)


def leave():
    os._exit(3)
