"""The hidden layer that `mlp` is made of."""

import keras

from thinkkeras.models.blocks import dense_block


def test_a_block_stands_on_its_own():
    x = keras.Input((7,))
    y = dense_block(x, 3, activation="elu", dropout=0.1, name="mine")
    assert y.shape == (None, 3)
    names = [layer.name for layer in keras.Model(x, y).layers[1:]]
    assert names == ["mine_dense", "mine_elu", "mine_dropout"]
