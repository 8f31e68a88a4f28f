"""A finished project, trained for one epoch with one seed."""

import json

import pytest

from courses.mini_project import baseline, commands
from courses.mini_project.project import FILE


@pytest.fixture(scope="session")
def finished(once):
    """The folder of the worked example after a trial run; nobody changes it."""

    def make(folder):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(baseline, "_EPOCHS", dict.fromkeys(baseline._EPOCHS, 1))
            patch.setattr(commands, "_train_baselines", one_seed(commands._train_baselines))
            commands.copy_example(folder)
        commands.train(str(folder), ["--epochs", "1"])

    return once("mini-project", make)


def one_seed(train_baselines):
    def train(folder, examples):
        told = json.loads((folder / FILE).read_text()) | {"seeds": [0]}
        (folder / FILE).write_text(json.dumps(told))
        train_baselines(folder, examples)

    return train
