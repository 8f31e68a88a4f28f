"""The model with MediaPipe's metadata: MediaPipe itself opens it and agrees with our runtime."""

import io
import sys
import zipfile
from ctypes.util import find_library

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from keras import layers

import deploy
from deploy.compile.mediapipe import adapt, compile_model, find_task, with_metadata
from deploy.runtime import Model, load, selftest
from tests.deploy import tiny_models

if find_library("EGL") is None or find_library("GLESv2") is None:
    pytest.skip("MediaPipe needs the system's libegl1 and libgles2", allow_module_level=True)
mediapipe = pytest.importorskip("mediapipe")
vision = mediapipe.tasks.vision
metadata_schema = pytest.importorskip("mediapipe.tasks.metadata.metadata_schema_py_generated")

STEP = 1 / 256
CLASS_NAMES = ["cat", "dog", "owl", "yak"]
DETECTOR = {
    "format": "cycxhw-normalized",
    "activation": "sigmoid",
    "score_threshold": 0.3,
    "iou_threshold": 0.5,
}


def convert(model, dtype, examples=None):
    """A `.tflite`: float32 inside where `dtype` is None, else int8 with inputs of `dtype`."""
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if dtype:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([example[None]] for example in examples)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = dtype
    return converter.convert()


def front_end(black=0, white=255):
    return {"kind": "image", "size": [16, 16], "channels": 3, "black": black, "white": white}


def card_of(content, task, activation="softmax", levels=(0, 255), **more):
    card = Model(content, {}, []).card | {"name": "tiny", "task": task, "activation": activation}
    card["inputs"][0]["front_end"] = front_end(*levels)
    return card | more


def described(content, class_names, *task, **more):
    return with_metadata(content, card_of(content, *task, **more), class_names)


def open_task(name, content, **options):
    options["base_options"] = mediapipe.tasks.BaseOptions(model_asset_buffer=content)
    kind = getattr(vision, name)
    return kind.create_from_options(getattr(vision, f"{name}Options")(**options))


def as_image(image):
    pixels = np.ascontiguousarray(image, np.uint8)
    return mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=pixels)


def classify(classifier, image):
    """The highest-scoring class's name, and the scores in the order of the classes."""
    categories = classifier.classify(as_image(image)).classifications[0].categories
    scores = {category.index: category.score for category in categories}
    return categories[0].category_name, np.array([scores[index] for index in sorted(scores)])


@pytest.fixture(scope="module")
def images():
    # The first two hold black and white everywhere, as a calibration of images should.
    drawn = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3)).astype("float32")
    drawn[0], drawn[1] = 0, 255
    return drawn


@pytest.fixture(scope="module")
def rgb_digits(digits, trained):
    """The digits network behind RGB inputs, and RGB images with their classes."""
    image = keras.Input((8, 8, 3), batch_size=1)
    grey = keras.ops.image.rgb_to_grayscale(image)
    model = keras.Model(image, keras.models.load_model(trained("convnet"))(grey))
    pairs = (digits.train, digits.test)
    return model, [(np.repeat(x, 3, axis=-1).astype("float32"), y) for x, y in pairs]


@pytest.fixture(scope="module")
def bundle(digits, rgb_digits, tmp_path_factory):
    model, ((train, _), test) = rgb_digits
    out = tmp_path_factory.mktemp("mobile") / "bundle"
    options = {"calibration": train, "class_names": digits.class_names, "test": test, "verbose": 0}
    deploy.export(model, "mobile", out=out, **options)
    return out


def network(head, channels=3):
    """A tiny network of random weights; `head` is a function of its (1, 8, 8, 8) features."""
    keras.utils.set_random_seed(1)
    image = keras.Input((16, 16, channels), batch_size=1)
    scaled = layers.Rescaling(1 / 127.5, offset=-1.0)(image)
    return keras.Model(image, head(layers.Conv2D(8, 3, 2, "same", activation="relu")(scaled)))


def classifier_head(units, activation):
    return lambda h: layers.Dense(units, activation=activation)(layers.Flatten()(h))


def segmenter_head(classes, activation):
    up = {"strides": 2, "padding": "same", "kernel_initializer": "random_normal"}
    head = layers.Conv2DTranspose(classes, 3, **up)
    return lambda h: layers.Activation(activation)(10 * head(h))


def detector_head(h):
    init = keras.initializers.RandomNormal(stddev=1.0, seed=3)
    numbers = layers.Conv2D(7, 2, 2, activation="sigmoid", kernel_initializer=init)(h)
    boxes = layers.Reshape((16, 4))(numbers[..., :4]) * np.array([1, 1, 0.4, 0.4], "float32")
    return [boxes, layers.Reshape((16, 3))(numbers[..., 4:])]


def test_the_bundle_in_mediapipe_and_in_our_runtime(bundle, rgb_digits):
    ours, (_, (images, _)) = load(bundle), rgb_digits[1]
    assert ours.card["mediapipe"] == {"task": "ImageClassifier", "note": None}
    assert ours.card["size_bytes"] == (bundle / "model.tflite").stat().st_size
    assert all(result["passed"] for result in selftest(bundle))
    with open_task("ImageClassifier", (bundle / "model.tflite").read_bytes()) as classifier:
        for image in images[:100]:
            label, scores = classify(classifier, image)
            prediction = ours.predict(image)
            assert label == prediction["label"]
            np.testing.assert_allclose(scores, prediction["probabilities"], atol=1e-5)


@pytest.mark.parametrize("dtype", [tf.uint8, tf.float32])
def test_an_int8_classifier(digits, rgb_digits, dtype):
    model, ((train, _), (images, classes)) = rgb_digits
    content = described(convert(model, dtype, train[:100]), digits.class_names, "classification")
    ours = Model(content, {"task": "classification", "activation": "softmax"}, digits.class_names)
    right = 0
    with open_task("ImageClassifier", content) as classifier:
        for image, index in zip(images[:100], classes, strict=False):
            label, scores = classify(classifier, image)
            prediction = ours.predict(image)
            assert label == prediction["label"]
            np.testing.assert_allclose(scores, prediction["probabilities"], atol=STEP)
            right += label == digits.class_names[index]
    assert right > 85


@pytest.mark.parametrize("levels", [(0, 255), (0, 1), (-1, 1)])
def test_pixels_arrive_in_the_models_units(images, levels):
    image = keras.Input((16, 16, 3), batch_size=1)
    means = layers.GlobalAveragePooling2D()(image)
    content = described(
        convert(keras.Model(image, means), None), [], "classification", "linear", levels
    )
    black, white = levels
    with open_task("ImageClassifier", content) as classifier:
        for drawn in images[:5]:
            expected = (black + drawn * (white - black) / 255).mean((0, 1))
            received = classify(classifier, drawn)[1]
            np.testing.assert_allclose(received, expected, atol=1e-5 * (white - black))


def test_one_unit_is_the_second_classes_score(images):
    content = convert(network(classifier_head(1, "sigmoid")), None)
    with open_task(
        "ImageClassifier", described(content, ["no", "yes"], "classification", "sigmoid")
    ) as classifier:
        label, scores = classify(classifier, images[5])
    assert label == "yes"
    np.testing.assert_allclose(scores, Model(content, {}, []).run([images[5:6]])[0][0], atol=1e-6)


def test_a_classifiers_logits_stay_logits(images):
    content = convert(network(classifier_head(4, None)), None)
    card = {"task": "classification", "activation": "linear"}
    prediction = Model(content, card, CLASS_NAMES).predict(images[5])
    with open_task(
        "ImageClassifier", described(content, CLASS_NAMES, "classification", "linear")
    ) as classifier:
        label, logits = classify(classifier, images[5])
    assert label == prediction["label"]
    softmax = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(softmax, prediction["probabilities"], atol=1e-6)


def intersection_over_union(a, b):
    low = np.maximum(a[:2] - a[2:] / 2, b[:2] - b[2:] / 2)
    high = np.minimum(a[:2] + a[2:] / 2, b[:2] + b[2:] / 2)
    both = np.clip(high - low, 0, None).prod()
    return both / (a[2:].prod() + b[2:].prod() - both)


def decode(boxes, scores):
    """What is left of (N, 4) boxes (cy, cx, h, w) and (N, classes) scores, best scores first."""
    kept = []
    for index in np.argsort(-scores.max(axis=1), kind="stable"):
        likely = scores[index].max() >= DETECTOR["score_threshold"]
        if likely and all(intersection_over_union(boxes[index], boxes[k]) <= 0.3 for k in kept):
            kept.append(index)
    return kept


@pytest.mark.parametrize("dtype", [None, tf.uint8, tf.float32])
def test_a_detector(images, dtype):
    content = convert(network(detector_head), dtype, images)
    shapes = [entry["shape"] for entry in Model(content, {}, []).card["outputs"]]
    detector = DETECTOR | {"boxes": shapes.index([1, 16, 4]), "scores": shapes.index([1, 16, 3])}
    content = described(content, CLASS_NAMES[:3], "detection", detector=detector)
    found = 0
    with open_task("ObjectDetector", content, score_threshold=0.3) as task:
        for image in images[2:]:
            outputs = Model(content, {}, []).run([image[None]])
            boxes, scores = outputs[detector["boxes"]][0], outputs[detector["scores"]][0]
            best = scores.max(axis=1)
            if len(set(best)) < 16:
                continue  # Which of two equal scores comes first is not known.
            expected = decode(boxes, scores)
            # Enlarged, so that the whole pixels of MediaPipe's boxes are fine enough.
            large = image.repeat(64, axis=0).repeat(64, axis=1)
            detections = task.detect(as_image(large)).detections
            assert len(detections) == len(expected)
            for detection, index in zip(detections, expected, strict=True):
                category, box = detection.categories[0], detection.bounding_box
                assert category.category_name == CLASS_NAMES[scores[index].argmax()]
                assert category.score == pytest.approx(best[index], abs=STEP)
                # MediaPipe moves a corner outside the image to its edge, and keeps the size.
                corner = np.maximum(boxes[index][:2] - boxes[index][2:] / 2, 0)
                exact = 1024 * np.concatenate([corner, boxes[index][2:]])
                received = [box.origin_y, box.origin_x, box.height, box.width]
                np.testing.assert_allclose(received, exact, atol=2)
                found += 1
    assert found > 20


def export_tiny(model, out, **options):
    """The card of the bundle of a model of `tiny_models`, and other images to run it on."""
    calibration = np.round(tiny_models.images(16)[0])
    options |= {"calibration": calibration, "verbose": 0}
    card = deploy.export(model, "mobile", out=out, **options)
    return card, np.round(tiny_models.images(12, seed=1)[0])


@pytest.mark.parametrize("activation", ["sigmoid", "linear"])
def test_our_detector_in_mediapipe_and_in_our_runtime(activation, tmp_path):
    """Boxes in "cells" become MediaPipe's fixed anchors."""
    detector = tiny_models.DETECTOR | {"activation": activation}
    model = tiny_models.squares_detector(activation=activation)
    out = tmp_path / "bundle"
    task = detector | {"task": "detection"}
    card, images = export_tiny(model, out, task=task, class_names=tiny_models.CLASS_NAMES)
    own = {"iou_threshold": 0.3, "class_agnostic": True, "boxes": 0, "scores": 1}
    assert card["detector"] == detector | own
    assert card["mediapipe"]["task"] == "ObjectDetector"
    text = " ".join((out / "card.md").read_text("utf-8").split())
    assert "of any class by an IoU of 0.3" in text
    ours, content = load(out), (out / "model.tflite").read_bytes()
    # Enlarged, so that the whole pixels of MediaPipe's boxes are fine enough.
    zoom = 16
    with open_task("ObjectDetector", content, score_threshold=0.4) as task:
        for image in images:
            prediction = ours.predict(image)
            large = image.repeat(zoom, axis=0).repeat(zoom, axis=1)
            detections = task.detect(as_image(large)).detections
            assert len(detections) == len(prediction["scores"]) == 2
            for detection in detections:
                category, box = detection.categories[0], detection.bounding_box
                index = prediction["names"].index(category.category_name)
                assert category.score == pytest.approx(prediction["scores"][index], abs=STEP)
                received = np.array([box.origin_x, box.origin_y, box.width, box.height]) / zoom
                received[2:] += received[:2]
                # The runtime clips what MediaPipe lets reach beyond the right and the lower edge.
                received = np.minimum(received, 64)
                np.testing.assert_allclose(received, prediction["boxes"][index], atol=0.25)


def test_detections_that_mediapipe_cannot_open_are_described(tmp_path):
    model, detector = tiny_models.squares_detector(masks=True), tiny_models.DETECTOR
    task = detector | tiny_models.MASKS | {"task": "instance_segmentation"}
    card, _ = export_tiny(model, tmp_path / "bundle", task=task)
    assert card["task"] == "instance_segmentation"
    note = "MediaPipe's ObjectDetector takes boxes and scores, the model has masks as well"
    assert card["mediapipe"] == {"task": None, "note": note}
    # Nobody else suppresses its boxes.
    assert card["detector"]["iou_threshold"] == 0.6 and "class_agnostic" not in card["detector"]
    assert note in (tmp_path / "bundle" / "card.md").read_text("utf-8")


def between_corners(scores, size):
    """The class of each pixel of (h, w, classes) scores, interpolated with the corners aligned."""
    for axis in (0, 1):
        place = np.linspace(0, scores.shape[axis] - 1, size)
        low = np.minimum(place.astype(int), scores.shape[axis] - 2)
        fraction = (place - low).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
        first, second = np.take(scores, low, axis), np.take(scores, low + 1, axis)
        scores = first * (1 - fraction) + second * fraction
    return scores.argmax(axis=-1)


@pytest.mark.parametrize("up", [True, False])
def test_our_segmenter_in_mediapipe_and_in_our_runtime(up, tmp_path):
    out, class_names = tmp_path / "bundle", ["ground", *tiny_models.CLASS_NAMES]
    model = tiny_models.squares_segmenter(up=up)
    options = {"task": "semantic_segmentation", "class_names": class_names}
    card, images = export_tiny(model, out, **options)
    assert card["mediapipe"] == {"task": "ImageSegmenter", "note": None}
    ours, content = load(out), (out / "model.tflite").read_bytes()
    options = {"output_category_mask": True, "output_confidence_masks": True}
    apart = []
    with open_task("ImageSegmenter", content, **options) as segmenter:
        assert segmenter.labels == class_names
        for image in images:
            result, prediction = segmenter.segment(as_image(image)), ours.predict(image)
            category = result.category_mask.numpy_view().reshape(64, 64)
            masks = [mask.numpy_view().reshape(64, 64) for mask in result.confidence_masks]
            assert np.mean(np.argmax(masks, axis=0) != prediction) < 0.001
            scores = ours.run([image[None]])[0][0]
            assert np.mean(category != between_corners(scores, 64)) < 0.001
            apart.append(np.mean(category != prediction))
    # Equal where nothing has to be interpolated.
    assert max(apart) == 0 if up else 0.005 < np.mean(apart) < 0.03


@pytest.mark.parametrize("dtype", [None, tf.uint8, tf.float32])
@pytest.mark.parametrize(("classes", "activation"), [(4, "softmax"), (4, "linear"), (1, "linear")])
def test_a_segmenter(images, classes, activation, dtype):
    content = convert(network(segmenter_head(classes, activation)), dtype, images)
    content = described(content, CLASS_NAMES[:classes], "semantic_segmentation", activation)
    options = {"output_category_mask": True, "output_confidence_masks": True}
    with open_task("ImageSegmenter", content, **options) as segmenter:
        assert segmenter.labels == CLASS_NAMES[:classes]
        for image in images[2:5]:
            output = Model(content, {}, []).run([image[None]])[0][0]
            if activation == "linear" and classes == 1:
                output = 1 / (1 + np.exp(-output))
            elif activation == "linear":
                output = np.exp(output) / np.exp(output).sum(axis=-1, keepdims=True)
            result = segmenter.segment(as_image(image))
            masks = [mask.numpy_view().reshape(16, 16) for mask in result.confidence_masks]
            np.testing.assert_allclose(np.stack(masks, axis=-1), output, atol=1e-5)
            category = result.category_mask.numpy_view().reshape(16, 16)
            if classes == 1:
                # MediaPipe's mask of a single class is 0 where it is likely and 255 elsewhere.
                np.testing.assert_array_equal(category == 0, output[..., 0] > 0.5)
            else:
                np.testing.assert_array_equal(category, output.argmax(axis=-1))


@pytest.mark.parametrize("dtype", [None, tf.uint8, tf.float32])
def test_the_packed_model_is_the_same_and_aligned(images, dtype):
    def head(h):
        return [detector_head(h)[1], *detector_head(h), classifier_head(4, "softmax")(h)]

    content = convert(network(head), dtype, images)
    packed = described(content, CLASS_NAMES, "regression")
    before, after = Model(content, {}, []), Model(packed, {}, [])
    assert after.card == before.card
    for one, other in zip(before.run([images]), after.run([images]), strict=True):
        np.testing.assert_array_equal(one, other)
    model = schema.Model.GetRootAs(packed, 0)
    buffers = [model.Buffers(index) for index in range(model.BuffersLength())]
    starts = [
        buffer._tab.Vector(buffer._tab.Offset(4)) for buffer in buffers if buffer.DataLength()
    ]
    assert len(starts) > 8
    assert [start % 16 for start in starts] == [0] * len(starts)
    assert packed == described(content, CLASS_NAMES, "regression")


def test_what_the_metadata_says(bundle):
    content = (bundle / "model.tflite").read_bytes()
    model = schema.ModelT.InitFromPackedBuf(content)
    assert model.metadata[-1].name == b"TFLITE_METADATA"
    metadata = metadata_schema.ModelMetadataT.InitFromPackedBuf(
        model.buffers[model.metadata[-1].buffer].data.tobytes()
    )
    card = load(bundle).card
    assert metadata.name.decode() == card["name"]
    assert metadata.minParserVersion == b"1.0.0"
    graph = metadata.subgraphMetadata[0]
    assert graph.inputTensorMetadata[0].name.decode() == card["inputs"][0]["name"]
    assert graph.outputTensorMetadata[0].name.decode() == card["outputs"][0]["name"]
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert archive.read("labels.txt") == (bundle / "labels.txt").read_bytes().rstrip(b"\n")


def test_any_other_task_is_described(images):
    content = convert(network(segmenter_head(4, "softmax"), channels=1), None)
    packed = described(content, [], "regression")
    assert not zipfile.is_zipfile(io.BytesIO(packed))
    model = schema.ModelT.InitFromPackedBuf(packed)
    metadata = metadata_schema.ModelMetadataT.InitFromPackedBuf(model.buffers[-1].data.tobytes())
    entry = metadata.subgraphMetadata[0].inputTensorMetadata[0]
    colours = metadata_schema.ColorSpaceType
    assert entry.content.contentProperties.colorSpace == colours.GRAYSCALE
    assert list(entry.processUnits[0].options.std) == [1.0]


def entry(shape, dtype="float32", scale=None, zero_point=None, **more):
    return {
        "name": "x",
        "shape": shape,
        "dtype": dtype,
        "scale": scale,
        "zero_point": zero_point,
    } | more


RGB = entry([1, 16, 16, 3], front_end=front_end())
SCORES, BOXES = entry([1, 8, 2]), entry([1, 8, 4])
FOUND = DETECTOR | {"boxes": 1, "scores": 0}


@pytest.mark.parametrize(
    ("task", "inputs", "outputs", "detector", "message"),
    [
        (
            "classification",
            [entry([1, 16, 16, 3], front_end={"kind": "array"})],
            [entry([1, 4])],
            None,
            "received no examples that tell it; give calibration data with values 0 to 1",
        ),
        (
            "classification",
            [entry([1, 16, 16, 3], "uint8", 0.9, 0, front_end=front_end())],
            [entry([1, 4])],
            None,
            "expected a uint8 input whose 0 and 255 are black and white (0 and 255), as MediaPipe "
            "puts the pixels in unchanged, received one whose are 0 and 229.5; calibrate",
        ),
        (
            "classification",
            [entry([1, 16, 16, 3], "int8", 1.0, -128, front_end=front_end())],
            [entry([1, 4])],
            None,
            "expected inputs and outputs of float32 or uint8 for MediaPipe's ImageClassifier, "
            "received int8; use a scheme with float32 inputs and outputs",
        ),
        (
            "classification",
            [RGB],
            [entry([1, 5])],
            None,
            "expected a class name for each of 5 scores, received 4; give as many",
        ),
        (
            "semantic_segmentation",
            [RGB],
            [entry([1, 256, 4])],
            None,
            "for MediaPipe's ImageSegmenter, received (1, 256, 4); end the model",
        ),
        (
            "detection",
            [RGB],
            [SCORES, BOXES, BOXES],
            FOUND,
            "for MediaPipe's ObjectDetector, received (1, 8, 2) and (1, 8, 4) and (1, 8, 4); put",
        ),
    ],
)
def test_what_mediapipe_would_refuse(task, inputs, outputs, detector, message):
    card = {"name": "tiny", "task": task, "activation": "softmax", "detector": detector}
    with pytest.raises(deploy.DeployError) as caught:
        with_metadata(b"", card | {"inputs": inputs, "outputs": outputs}, CLASS_NAMES)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("task", "inputs", "note"),
    [
        ("regression", [RGB], "MediaPipe has no task for what the model does"),
        (
            "classification",
            [entry([1, 8, 8, 1])],
            "MediaPipe's ImageClassifier takes RGB images (1, height, width, 3), the model "
            "(1, 8, 8, 1); begin the model with keras.ops.image.rgb_to_grayscale to open it there",
        ),
        (
            "detection",
            [RGB, entry([1, 2])],
            "MediaPipe's ObjectDetector takes RGB images (1, height, width, 3), the model "
            "(1, 16, 16, 3) and (1, 2)",
        ),
    ],
)
def test_what_no_task_of_mediapipe_opens(task, inputs, note):
    assert find_task({"task": task, "inputs": inputs}) == (None, note)


@pytest.mark.parametrize("form", ["distances", "deltas", "xyxy"])
def test_boxes_that_mediapipe_cannot_decode_keep_their_suppression(form):
    card = {"task": "detection", "inputs": [RGB], "detector": FOUND | {"format": form}}
    assert find_task(card) == (
        None,
        "MediaPipe's ObjectDetector decodes boxes in the formats cells and cycxhw-normalized, the "
        f"model gives {form}",
    )
    assert adapt(card) == card
    masks = card | {"task": "instance_segmentation"}
    assert adapt(masks) == masks
    own = {"iou_threshold": 0.3, "class_agnostic": True}
    assert adapt(card | {"detector": FOUND}) == card | {"detector": FOUND | own}


def test_mediapipe_runs_what_is_described(images):
    content = convert(network(detector_head), None)
    shapes = [entry["shape"] for entry in Model(content, {}, []).card["outputs"]]
    boxes = shapes.index([1, 16, 4])
    detector = DETECTOR | {"boxes": boxes, "scores": 1 - boxes}
    made = compile_model(content, card_of(content, "detection", detector=detector), CLASS_NAMES[:3])
    assert made.card == {
        "mediapipe": {"task": "ObjectDetector", "note": None, "iou_threshold": 0.3}
    }
    wrong = DETECTOR | {"boxes": 1 - boxes, "scores": boxes}
    with pytest.raises(deploy.DeployError, match="MediaPipe's ObjectDetector can't run the model"):
        compile_model(content, card_of(content, "detection", detector=wrong), [])


def test_without_mediapipe(monkeypatch):
    content = convert(network(classifier_head(4, "softmax")), None)
    monkeypatch.setitem(sys.modules, metadata_schema.__name__, None)
    with pytest.raises(deploy.DeployError) as caught:
        described(content, CLASS_NAMES, "classification")
    message = str(caught.value)
    assert message.startswith("expected the package mediapipe, received an installation without")
    assert message.endswith("install it with pip install --no-deps -r requirements-mobile.txt")
