"""Recognition on the device: distances against SciPy, who is enrolled, recognised and forgotten."""

import json

import numpy as np
import pytest
from PIL import Image
from scipy.spatial.distance import cdist

from deploy import DeployError, runtime
from deploy.runtime.store import FILE
from deploy.runtime.tasks.recognition import check, distances, draw, predict, to_text


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_distances_are_those_of_scipy(distance):
    generator = np.random.default_rng(0)
    one, other = generator.normal(size=(7, 5)), generator.normal(size=(4, 5))
    received = distances(one.astype("float32"), other, distance)
    np.testing.assert_allclose(received, cdist(one, other, distance), atol=1e-6)
    np.testing.assert_allclose(distances(one[2], other, distance), received[2], atol=1e-6)
    assert (np.diag(distances(one, one, distance)) < 1e-7).all()


def test_an_embedding_of_zeros_is_far_from_all():
    np.testing.assert_array_equal(distances(np.zeros(3), np.eye(3), "cosine"), [1, 1, 1])


def card(**settings):
    told = {"distance": "cosine", "threshold": 0.5} | settings
    outputs = [{"name": "e", "shape": [1, 3]}]
    return {"task": "recognition", "outputs": outputs, "recognition": told}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"recognition": None}, "the distance cosine or euclidean, received None"),
        (card(distance="manhattan"), "the distance cosine or euclidean"),
        (card(threshold=float("nan")), "a distance of 0 or more"),
        (card(threshold="far"), "a distance of 0 or more"),
        ({"outputs": [{"shape": [1, 4, 3]}]}, r"one embedding \(1, D\), received \(1, 4, 3\)"),
        ({"outputs": [{"shape": [1, 3]}] * 2}, r"received \(1, 3\) and \(1, 3\)"),
    ],
)
def test_a_card_that_does_not_say_how_is_refused(given, message):
    with pytest.raises(DeployError, match=message):
        check(card() | given)


def test_a_model_in_no_bundle_gives_its_embedding():
    prediction = predict(card(), [np.arange(3.0)], [], (0, 0))
    assert prediction["name"] is prediction["nearest"] is prediction["distance"] is None
    assert to_text(prediction, []) == "[0. 1. 2.]"


def test_one_image_each_is_enough(recogniser, pictures):
    model = runtime.load(recogniser)
    for name, images in zip(["anna", "ben", "carl"], pictures, strict=True):
        assert runtime.enrol(model, name, images[:1]) == 1
    for name, images in zip(["anna", "ben", "carl"], pictures, strict=True):
        found = model.predict(images[0])
        assert found["name"] == name and found["distance"] < 1e-6
        assert [model.predict(image)["nearest"] for image in images] == [name] * 4


def test_a_prototype_is_the_mean_of_embeddings_of_length_1(recogniser, pictures):
    model, images = runtime.load(recogniser), pictures[0]
    assert runtime.enrol(model, "anna", images[:1]) == 1
    assert runtime.enrol(model, "anna", images[1:]) == 4
    embeddings = np.concatenate([model.outputs(image)[0] for image in images])
    expected = (embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)).mean(axis=0)
    stored = json.loads((recogniser / FILE).read_text())["prototypes"]["anna"]
    assert stored["images"] == 4
    np.testing.assert_allclose(stored["mean"], expected, rtol=1e-6, atol=1e-8)
    image = np.asarray(Image.open(pictures[1][0]), "float32")[..., None]
    found = model.predict(image)
    embedding = found["embedding"]
    cosine = embedding @ expected / np.linalg.norm(embedding) / np.linalg.norm(expected)
    assert found["distance"] == pytest.approx(1 - cosine, abs=1e-6)


def test_the_euclidean_distance_takes_embeddings_as_they_are(recogniser, pictures):
    content = json.loads((recogniser / "card.json").read_text("utf-8"))
    content["recognition"] |= {"distance": "euclidean", "threshold": None}
    (recogniser / "card.json").write_text(json.dumps(content), "utf-8")
    model = runtime.load(recogniser)
    runtime.enrol(model, "anna", pictures[0])
    embeddings = np.concatenate([model.outputs(image)[0] for image in pictures[0]])
    found = model.predict(pictures[1][0])
    expected = np.linalg.norm(found["embedding"] - embeddings.mean(axis=0))
    assert found["name"] == "anna" and found["distance"] == pytest.approx(expected, rel=1e-5)


def test_beyond_the_threshold_nobody_is_named(recogniser, pictures):
    model = runtime.load(recogniser)
    runtime.enrol(model, "anna", pictures[0])
    stranger = pictures[1][0]
    found = model.predict(stranger)
    assert (found["name"], found["nearest"]) == (None, "anna") and found["distance"] > 0.25
    assert to_text(found, []) == f"unknown (distance {found['distance']:.3f} to anna)"
    at = runtime.recognise(model, stranger, found["distance"])
    assert at["name"] == "anna" and to_text(at, []) == f"anna (distance {at['distance']:.3f})"
    just_below = np.nextafter(found["distance"], 0)
    assert runtime.recognise(model, stranger, float(just_below))["name"] is None
    batch = np.stack([model._arrays(image)[0][0][0] for image in (pictures[0][0], stranger)])
    assert [each["name"] for each in runtime.recognise(model, batch)] == ["anna", None]
    assert [each["name"] for each in runtime.recognise(model, batch, 2)] == ["anna", "anna"]


def test_who_is_forgotten_is_known_no_more(recogniser, pictures):
    model, camera = runtime.load(recogniser), runtime.load(recogniser)
    runtime.enrol(model, "anna", pictures[0][:1])
    runtime.enrol(model, "ben", pictures[1])
    assert runtime.enrolled(model) == {"anna": 1, "ben": 4}
    # Another process, or object, sees it at once.
    assert camera.predict(pictures[0][0])["name"] == "anna"
    runtime.forget(model, "anna")
    assert camera.predict(pictures[0][0])["nearest"] == "ben"
    with pytest.raises(DeployError, match=r"enrolled names \(ben\), received 'anna'"):
        runtime.forget(model, "anna")
    runtime.forget(model, "ben")
    with pytest.raises(DeployError, match="received an empty store; enrol first"):
        camera.predict(pictures[0][0])
    with pytest.raises(DeployError, match=r"enrolled names \(nobody yet\)"):
        runtime.forget(model, "ben")


def test_nothing_is_enrolled_where_an_image_is_none(recogniser, pictures, tmp_path):
    model = runtime.load(recogniser)
    (tmp_path / "text.png").write_text("hello")
    for images, message in [
        ([pictures[0][0], tmp_path / "text.png"], "expected an image that Pillow reads"),
        ([pictures[0][0], tmp_path / "none.png"], "which does not exist"),
        ([], "at least one image of 'anna', received none"),
        ([np.full((28, 28, 1), np.nan)], "finite real numbers"),
        ([np.zeros((5, 5))], "expected an example of shape"),
        ("photo.png", "a list of images, received 'photo.png'"),
    ]:
        with pytest.raises(DeployError, match=message):
            runtime.enrol(model, "anna", images)
    assert not (recogniser / FILE).exists()


def test_the_store_of_another_model_is_refused(recogniser, recognisers, pictures):
    model = runtime.load(recogniser)
    runtime.enrol(model, "anna", pictures[0])
    store = json.loads((recogniser / FILE).read_text())
    assert store["model"] == model.card["sha256"]
    (recogniser / FILE).write_text(json.dumps(store | {"model": "0" * 64}))
    for use in (
        lambda: model.predict(pictures[0][0]),
        lambda: runtime.enrol(model, "anna", pictures[0]),
        lambda: runtime.forget(model, "anna"),
        lambda: runtime.enrolled(model),
    ):
        with pytest.raises(DeployError, match=r"the store of this model .* enrol again$"):
            use()


def test_other_models_enrol_nobody(bundle, recogniser, pictures):
    for path, what in [(bundle, "classification"), (recogniser / "model.tflite", "regression")]:
        model = runtime.load(path)
        for use in (
            lambda model=model: runtime.enrol(model, "anna", pictures[0]),
            lambda model=model: runtime.forget(model, "anna"),
            lambda model=model: runtime.recognise(model, pictures[0][0]),
        ):
            with pytest.raises(DeployError, match=f"for recognition, received a model for {what}"):
                use()


def test_the_name_stands_beneath_the_picture():
    image = Image.new("L", (28, 28), 255)
    near = {"name": "anna", "nearest": "anna", "distance": 0.1}
    drawings = [draw(image, near | {"name": name}, []) for name in ("anna", None, "W" * 64)]
    beneath = []
    for drawing in drawings:
        assert drawing.size == (280, 344)
        pixels = np.asarray(drawing.convert("L")).astype(int)
        assert (pixels[12:268, 12:268] == 255).all()
        # Within the margins, however long it is.
        assert (pixels[268:, :10] > 200).all() and (pixels[268:, 270:] > 200).all()
        beneath.append(pixels[268:])
    assert (beneath[0] < 100).sum() > 50
    assert (beneath[0] != beneath[1]).any()
