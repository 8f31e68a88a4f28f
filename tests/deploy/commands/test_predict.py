"""What a Keras model predicts is what the runtime predicts of its float bundle."""

import numpy as np
import pytest

import deploy
from deploy import DeployError, runtime
from tests.deploy.tiny_models import CLASS_NAMES, DETECTOR, TASKS, images, squares_detector


@pytest.fixture(scope="module")
def scenes():
    return images(3, seed=2)[0]


@pytest.mark.parametrize("task", TASKS)
def test_the_predictions_are_those_of_the_runtime(task, squares, scenes):
    build, class_names, settings, _ = TASKS[task]
    received = deploy.predict(build(), scenes, task=settings, class_names=class_names)
    expected = runtime.load(squares(task, "cpu-float")).predict(scenes)
    assert len(received) == 3
    for one, other in zip(received, expected, strict=True):
        if task == "semantic_segmentation":
            np.testing.assert_array_equal(one, other)
            continue
        assert one["names"] == other["names"] and len(one["names"]) == 2
        np.testing.assert_allclose(one["boxes"], other["boxes"], atol=1e-3)
        np.testing.assert_allclose(one["scores"], other["scores"], atol=1e-5)
        assert ("masks" in one) == (task == "instance_segmentation")


def test_a_classifiers_model_is_taken_from_its_file(trained, digits):
    received = deploy.predict(
        trained("convnet"), digits.test[0][:20], class_names=digits.class_names
    )
    right = [each["label"] == str(y) for each, y in zip(received, digits.test[1], strict=False)]
    assert sum(right) >= 18


def test_outputs_that_are_computed_already_are_decoded(scenes):
    model = squares_detector()
    outputs = model.predict(scenes, verbose=0)
    for given in (outputs, {name: outputs[name] for name in reversed(outputs)}):
        received = deploy.decode(given, DETECTOR, (64, 64), CLASS_NAMES, 0.4)
        expected = deploy.predict(model, scenes, task=DETECTOR, class_names=CLASS_NAMES)
        for one, other in zip(received, expected, strict=True):
            assert one["names"] == other["names"]
            np.testing.assert_allclose(one["boxes"], other["boxes"], atol=1e-4)
    # By default all that average precision counts.
    faint = outputs | {"scores": outputs["scores"] * 0.02}
    assert len(deploy.decode(faint, DETECTOR, (64, 64))[0]["names"]) == 2
    assert len(deploy.decode(faint, DETECTOR, (64, 64), score_threshold=0.4)[0]["names"]) == 0


def test_another_threshold(scenes):
    model = squares_detector()
    few = deploy.predict(model, scenes, task=DETECTOR, score_threshold=1.0)
    many = deploy.predict(model, scenes, task=DETECTOR, score_threshold=0.0)
    assert len(few[0]["names"]) == 0 and len(many[0]["names"]) > 2


def test_examples_of_another_shape_are_refused(scenes):
    with pytest.raises(DeployError, match=r"input data of shape \(examples, 64, 64, 3\)"):
        deploy.predict(squares_detector(), scenes[:, :32], task=DETECTOR)
