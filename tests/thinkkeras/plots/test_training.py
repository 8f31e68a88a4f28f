"""The figures of a training: what they draw, and the file they write."""

import keras
import pytest
from matplotlib.image import imread

from thinkkeras.plots import learning_curves


def test_learning_curves_have_a_panel_per_metric(tmp_path):
    values = {
        "accuracy": [0.5, 0.75, 0.875],
        "loss": [2.0, 1.5, 1.0],
        "learning_rate": [1e-3, 1e-3, 1e-4],
        "val_accuracy": [0.4, 0.6, 0.912],
        "val_loss": [2.5, 1.75, 1.25],
    }
    path = tmp_path / "new" / "curves.png"
    figure = learning_curves(values, path)
    loss, accuracy = figure.axes
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["loss", "accuracy"]
    assert loss.lines[0].get_xdata().tolist() == [1, 2, 3]
    assert [list(line.get_ydata()) for line in loss.lines] == [values["loss"], values["val_loss"]]
    legend = [text.get_text() for text in accuracy.get_legend().get_texts()]
    assert legend == ["training, 87.5 % at the end", "validation, 91.2 % at the end"]
    assert imread(path).std() > 0.01 and [path] == list(path.parent.iterdir())


def test_learning_curves_take_what_fit_returns():
    history = keras.callbacks.History()
    history.history = {"loss": [1.0, 0.5]}
    (axes,) = learning_curves(history).axes
    assert len(axes.lines) == 1
    with pytest.raises(ValueError, match="at least one epoch, received an empty one; call fit"):
        learning_curves({"loss": []})
