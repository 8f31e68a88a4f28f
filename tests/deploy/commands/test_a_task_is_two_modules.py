"""A new task is a module on each side and a row in each table: nothing else is changed here."""

import json

import keras
import numpy as np
import pytest
from PIL import Image

import deploy
import deploy.runtime.tasks
import deploy.tasks
from deploy import DeployError, runtime
from deploy.__main__ import main as deploy_main
from deploy.runtime.__main__ import main as runtime_main
from tests.deploy.made_up_task import deploy_side, device_side

TARGETS = ["cpu", "cortex-m"]


@pytest.fixture(scope="module", autouse=True)
def rows():
    """The two rows; the first that knows a model has it, so they stand before the others."""
    tables = {"deploy": deploy.tasks.TASKS, "device": deploy.runtime.tasks.TASKS}
    earlier = {side: dict(table) for side, table in tables.items()}
    for side, module in (("deploy", deploy_side), ("device", device_side)):
        tables[side].clear()
        tables[side].update({"brightness": module} | earlier[side])
    yield
    for side, table in tables.items():
        table.clear()
        table.update(earlier[side])


def network(name="brightness"):
    image = keras.Input((8, 8, 1), name="image")
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(image))
    mean = keras.layers.Dense(1, kernel_initializer=keras.initializers.Constant(1 / 64), name=name)
    return keras.Model(image, mean(x), name="mean")


@pytest.fixture(scope="module")
def data():
    """Images of all levels of grey, and how bright they are."""
    generator = np.random.default_rng(0)
    x = np.linspace(0, 255, 64)[:, None, None, None] + generator.uniform(-40, 40, (64, 8, 8, 1))
    x = x.clip(0, 255).round().astype("float32")
    return x, x.mean(axis=(1, 2, 3)) / 255


@pytest.fixture(scope="module")
def bundles(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("brightness") / "out"
    deploy.export(network(), TARGETS, out=out, calibration=data[0], test=data, verbose=0)
    return {target: out / target for target in TARGETS}


@pytest.fixture
def photo(tmp_path):
    Image.new("L", (30, 20), 204).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


@pytest.mark.parametrize("target", TARGETS)
def test_it_is_inferred_measured_and_on_the_card(target, bundles):
    card = json.loads((bundles[target] / "card.json").read_text("utf-8"))
    assert (card["task"], card["dark_below"]) == ("brightness", 0.5)
    assert card["quality"]["metric"] == "closeness"
    assert card["quality"]["keras"] > 0.999 and card["quality"]["deployed"] > 0.99
    assert card["agreement"] == {"dark or bright": {"examples": 64, "agreement": 1.0}}
    text = (bundles[target] / "card.md").read_text("utf-8")
    assert "## Brightness\n\n- Dark below 0.5.\n" in text and "Closeness over 64" in text


@pytest.mark.parametrize("target", TARGETS)
def test_it_is_predicted_said_and_drawn(target, bundles, photo, tmp_path, capsys):
    prediction = runtime.load(bundles[target]).predict(photo)
    assert prediction["brightness"] == pytest.approx(0.8, abs=0.01)
    assert prediction["size"] == (20, 30)
    drawing = tmp_path / "drawing.png"
    assert runtime_main(["run", str(bundles[target]), str(photo), "--draw", str(drawing)]) == 0
    assert capsys.readouterr().out == f"{photo}: bright, 80 % of white\n"
    with Image.open(drawing) as sheet:
        assert np.asarray(sheet.convert("L"))[105].mean() == pytest.approx(0.8 * 255, abs=5)


@pytest.mark.parametrize("target", TARGETS)
def test_it_is_verified(target, bundles, data, tmp_path, capsys):
    report = deploy.verify(bundles[target], data, tolerance=1)
    assert report["passed"] and report["quality"]["metric"] == "closeness"
    np.savez(tmp_path / "test.npz", x=data[0], y=data[1])
    command = ["verify", str(bundles[target]), "--data", str(tmp_path / "test.npz")]
    assert deploy_main([*command, "--tolerance", "1"]) == 0
    said = capsys.readouterr().out
    assert "agreement   dark or bright 100.0 %" in said and "quality     closeness 100.00 %" in said
    assert runtime_main(["selftest", str(bundles[target])]) == 0


def test_it_is_asked_for_by_name_with_parameters(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = network("mean")
    task = {"task": "brightness", "dark_below": 0.9}
    card = deploy.export(model, "cpu-float", out="asked", task=task, test=data, verbose=0)
    assert (card["task"], card["dark_below"]) == ("brightness", 0.9)
    assert runtime.load("asked").predict(data[0][50])["dark"]
    model.save("model.keras")
    command = ["export", "model.keras", "--target", "cpu-float", "--out", "named"]
    assert deploy_main([*command, "--task", "brightness"]) == 0
    assert runtime.load("named").card["task"] == "brightness"
    received = deploy.predict(model, data[0][:2], task="brightness")
    assert [each["dark"] for each in received] == [True, True]


def test_its_own_errors_are_told(tmp_path):
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten()])
    with pytest.raises(DeployError, match=r"expected one brightness, received \(64,\)"):
        deploy.export(model, "cpu-float", out=tmp_path / "b", task="brightness", verbose=0)
    assert list(tmp_path.iterdir()) == []
