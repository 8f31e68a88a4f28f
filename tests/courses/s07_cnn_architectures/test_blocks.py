"""Blocks in pictures: what stands in the boxes, and where they lie."""

import keras
import pytest

from courses.s07_cnn_architectures.plots.blocks import Box, block_sheet, boxes, placed

layers = keras.layers


def block(build, channels=8):
    inputs = keras.Input((16, 16, channels))
    return keras.Model(inputs, build(inputs))


def residual(x):
    y = layers.BatchNormalization()(layers.Conv2D(16, 3, strides=2, padding="same")(x))
    y = layers.Conv2D(16, 3, padding="same")(layers.ReLU(6)(y))
    shortcut = layers.BatchNormalization()(layers.Conv2D(16, 1, strides=2)(x))
    return layers.Activation("relu")(layers.Add()([y, shortcut]))


def inception(x):
    ways = [layers.Conv2D(4, 1, activation="relu")(x)]
    ways.append(layers.Conv2D(5, (3, 1), padding="same")(layers.Conv2D(2, 1)(x)))
    ways.append(layers.MaxPooling2D(3, strides=1, padding="same")(x))
    return layers.Concatenate()(ways)


def squeezed(x):
    y = layers.DepthwiseConv2D(3, padding="same")(x)
    weights = layers.GlobalAveragePooling2D(keepdims=True)(y)
    weights = layers.Conv2D(8, 1, activation="hard_sigmoid")(weights)
    return layers.Add()([x, layers.Dropout(0.1)(layers.Multiply()([y, weights]))])


def preactivated(x):
    y = layers.Activation("relu")(layers.BatchNormalization()(x))
    return layers.Concatenate()([x, layers.Conv2D(4, 3, padding="same")(y)])


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (
            residual,
            {
                "3×3 conv, 16 /2\nBN · ReLU6": [None],
                "3×3 conv, 16": ["3×3 conv, 16 /2\nBN · ReLU6"],
                "1×1 conv, 16 /2\nBN": [None],
                "+ · ReLU": ["3×3 conv, 16", "1×1 conv, 16 /2\nBN"],
            },
        ),
        (
            inception,
            {
                "1×1 conv, 4\nReLU": [None],
                "1×1 conv, 2": [None],
                "3×1 conv, 5": ["1×1 conv, 2"],
                "3×3 max pool": [None],
                "concat, 17": ["1×1 conv, 4\nReLU", "3×1 conv, 5", "3×3 max pool"],
            },
        ),
        (
            squeezed,
            {
                "3×3 depthwise": [None],
                "global average": ["3×3 depthwise"],
                "1×1 conv, 8\nh-sigmoid": ["global average"],
                "×": ["3×3 depthwise", "1×1 conv, 8\nh-sigmoid"],
                "+": [None, "×"],
            },
        ),
        (
            preactivated,
            {
                "BN · ReLU": [None],
                "3×3 conv, 4": ["BN · ReLU"],
                "concat, 12": [None, "3×3 conv, 4"],
            },
        ),
    ],
)
def test_boxes_are_the_models_operations(build, expected):
    found = boxes(block(build))
    assert {
        box.text: [found[n].text if n >= 0 else None for n in box.inputs] for box in found
    } == expected


def test_branches_stand_side_by_side_in_the_order_they_meet():
    place = placed(boxes(block(inception)))
    at = {box.text: spot for box, spot in zip(place.boxes, place.at, strict=True)}
    first, second, third = at["1×1 conv, 4\nReLU"], at["1×1 conv, 2"], at["3×3 max pool"]
    assert first[0] < second[0] < third[0] and first[1] == second[1] == third[1]
    assert at["3×1 conv, 5"][0] == second[0] == at["concat, 17"][0] == 0
    assert not place.arcs


def test_shortcuts_go_around():
    place = placed(boxes(block(squeezed)))
    assert {column for column, _ in place.at} == {0}
    ways = {(place.boxes[a].text if a >= 0 else None, place.boxes[b].text) for a, b in place.arcs}
    assert ways == {(None, "+"), ("3×3 depthwise", "×")}
    assert placed([Box("", (), "other", (-1,))]).right < place.right


def test_the_sheet_states_what_a_block_costs(tmp_path):
    path = tmp_path / "blocks.png"
    figure = block_sheet([[("Residual", block(residual))], [("Inception", block(inception))]], path)
    assert path.read_bytes().startswith(b"\x89PNG")
    texts = {text.get_text() for text in figure.axes[0].texts}
    parameters = 9 * 8 * 16 + 16 + 9 * 16 * 16 + 16 + 8 * 16 + 16 + 2 * 64
    work = 64 * (9 * 8 * 16 + 9 * 16 * 16 + 8 * 16) / 1e6
    assert f"{parameters:,} parameters\n{work:.2f} M MACs" in texts
    assert {"Residual", "Inception", "16 × 16 × 8", "concat, 17"} <= texts
