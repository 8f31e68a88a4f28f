"""What `diagnose` says to histories whose fault is known, made by hand and by real trainings."""

import keras
import numpy as np
import pytest

from thinkkeras.diagnosis import diagnose
from thinkkeras.models import mlp

EPOCHS = np.arange(1, 21)


def made(loss, val_loss=None, accuracy=None, val_accuracy=None):
    """A history of the curves that are given."""
    curves = {"loss": loss, "val_loss": val_loss, "accuracy": accuracy}
    curves["val_accuracy"] = val_accuracy
    return {name: list(values) for name, values in curves.items() if values is not None}


FALLING = 2 * np.exp(-EPOCHS / 3)  # to 0.003
LEVEL = 0.1 + FALLING
RISING = 0.4 + FALLING + 0.03 * EPOCHS
HIGH, LOW = 1 - 0.8 * np.exp(-EPOCHS / 2), 0.5 - 0.3 * np.exp(-EPOCHS / 2)
NOISE = np.resize([0.05, -0.05], 20)

# Name, history, how the findings begin, and words of the first.
CASES = [
    ("healthy", made(LEVEL, LEVEL + 0.02, HIGH, HIGH - 0.02), ["healthy"], "98.0 %"),
    ("noise on a small loss", made(FALLING, 0.05 + FALLING + NOISE / 50, HIGH, HIGH - 0.01),
     ["healthy"], "levelled off"),
    ("gap", made(FALLING, 0.4 + FALLING, HIGH, HIGH - 0.1), ["over-fitting"], "90.0 %"),
    ("rise", made(FALLING, RISING, HIGH, HIGH - 0.03), ["over-fitting"], "lowest in epoch 9"),
    ("gap of losses alone", made(FALLING, 0.8 + FALLING), ["over-fitting"], "session 3"),
    ("levelled off too early", made(1 + FALLING, 1 + FALLING, LOW, LOW), ["under-fitting"],
     "50.0 %, where 90.0 % is wanted. Try a larger"),
    ("both", made(1 + FALLING, 2 + FALLING, LOW, LOW - 0.2), ["under-fitting", "over-fitting"],
     "session 2"),
    ("still falling", made(2 - 0.08 * EPOCHS, 2 - 0.08 * EPOCHS, HIGH, HIGH), ["still improving"],
     "after 20 epochs. Train longer"),
    ("slow and short of what is wanted", made(2 - 0.08 * EPOCHS, 2 - 0.08 * EPOCHS, LOW, LOW),
     ["still improving"], "session 4"),
    ("NaN", made([2.0, 1.0, float("nan")]), ["diverged"], "nan in epoch 3. Divide the learning"),
    ("infinite", made([2.0, float("inf")], [1.0, 1.0]), ["diverged"], "inf in epoch 2"),
    ("explodes in validation", made([1.0, 0.5], [1.0, float("nan")]), ["diverged"], "epoch 2"),
    ("flat", made(np.full(20, 2.3), accuracy=np.full(20, 0.1)), ["not learning"],
     "from 2.3 to 2.3 in 20 epochs"),
    ("rises again", made(np.r_[FALLING[:10], 0.08 * np.arange(1, 11)]), ["learning rate too high"],
     "rose to 0.8"),
    ("jumps", made(0.3 + np.resize([0.0, 0.4], 20), accuracy=HIGH), ["learning rate too high"],
     "jumps up and down"),
    ("noisy validation", made(LEVEL, LEVEL, HIGH, HIGH - 0.05 - NOISE), ["noisy validation"],
     "more validation examples"),
    ("noisy validation loss", made(LEVEL, LEVEL + NOISE), ["noisy validation"], "jumps"),
    ("validation ahead", made(LEVEL, LEVEL / 2, HIGH - 0.05, HIGH), ["validation better"],
     "by 5.0 points: usually no fault. Dropout"),
    ("one epoch", made([0.7], [0.5], [0.8], [0.8]), ["too short"], "1 of the 6 epochs"),
    ("no validation", made(LEVEL, accuracy=HIGH), ["healthy as far"], "pass validation_data"),
    ("loss alone", made(LEVEL, LEVEL), ["healthy"], "validation loss 0.103, 0.103 in training"),
    ("a large first loss hides no gap", made(np.r_[1000.0, 0.5 + FALLING[1:]],
     np.r_[1000.0, 5 + FALLING[1:]]), ["over-fitting"], "0.503 in training and 5 in validation"),
    ("dropout", made(LEVEL, LEVEL - 0.02, HIGH - 0.15, HIGH - 0.07), ["validation better"], "8.0"),
    ("below 0", made(-5 + LEVEL, -4.5 + LEVEL), ["healthy"], "loss -4.4, -4.9 in training"),
    ("below 0 with a gap", made(-5 + LEVEL, 1 + LEVEL), ["over-fitting"], "-4.9 in training"),
    ("below 0, flat", made(np.full(20, -1.0), accuracy=LOW), ["not learning"], "from -1 to -1"),
    ("below 0, noisy", made(-5 + LEVEL, -0.5 + LEVEL + 4 * NOISE), ["noisy"], "jumps"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "history", "names", "words"), CASES, ids=[c[0] for c in CASES])
def test_what_it_says_of_a_known_fault(name, history, names, words):
    findings = diagnose(history)
    assert len(findings) == len(names), findings
    for finding, start in zip(findings, names, strict=True):
        assert finding.startswith(start), findings
    assert words in findings[0]


def test_bias_is_measured_against_what_is_wanted():
    history = made(1 + FALLING, 1 + FALLING, LOW, LOW)
    assert diagnose(history, wanted_accuracy=0.45)[0].startswith("healthy")
    assert "99.0 % is wanted" in diagnose(history, wanted_accuracy=0.99)[0]


def test_chance_is_seen_once_the_classes_are_known():
    history = made(1 + FALLING, accuracy=np.full(20, 0.12))
    (finding,) = diagnose(history, classes=10)
    assert finding.startswith("not learning: training accuracy 12.0 %, and guessing among 10")
    assert "ten times smaller, and one ten times larger" in finding
    exploded = made(50 + FALLING, accuracy=np.full(20, 0.12))
    assert (
        "Probably a learning rate too high: a training loss of 51.4 in epoch 1, where"
        in (diagnose(exploded, classes=10)[0])
    )
    assert not diagnose(history, classes=100)[0].startswith("not learning")


def test_an_exploded_loss_is_the_cause_of_a_bad_fit():
    history = made(np.r_[30.0, 1 + FALLING[1:]], accuracy=LOW)
    (finding,) = diagnose(history, classes=10)
    assert finding.startswith("learning rate too high: a training loss of 30 in epoch 1, where")
    assert diagnose(history)[0].startswith("under-fitting")


def test_other_names_of_accuracy_and_further_metrics_are_taken():
    history = made(FALLING, 0.4 + FALLING) | {
        "learning_rate": [1e-3] * 20,
        "sparse_categorical_accuracy": list(HIGH),
        "val_sparse_categorical_accuracy": list(HIGH - 0.1),
    }
    assert "accuracy is 100.0 % in training and 90.0 % in validation" in diagnose(history)[0]


def test_validation_at_every_other_epoch_is_taken():
    history = made(FALLING, (0.4 + FALLING)[1::2], HIGH, (HIGH - 0.1)[1::2])
    assert diagnose(history)[0].startswith("over-fitting")


def test_epochs_are_counted_where_validation_is_rare():
    history = made(FALLING, RISING[1::2], HIGH, (HIGH - 0.03)[1::2])
    assert "lowest in epoch 10 (0.771)" in diagnose(history)[0]
    history["val_loss"][3] = float("nan")
    assert diagnose(history)[0].startswith("diverged: nan in epoch 8.")


def test_a_top_k_accuracy_hides_nothing():
    top = {"top_k_categorical_accuracy": list(HIGH), "val_top_k_categorical_accuracy": list(HIGH)}
    for name in ("accuracy", "acc", "categorical_accuracy"):
        own = {name: list(LOW), f"val_{name}": list(LOW)}
        (finding,) = diagnose(top | made(1 + FALLING, 1 + FALLING) | own)
        assert finding.startswith("under-fitting (bias)") and "50.0 %" in finding
    assert "validation loss" in diagnose(top | made(LEVEL, LEVEL))[0]


def test_what_a_loss_cannot_tell_is_said():
    level = diagnose(made(np.full(20, 0.05)))[0]
    assert level.startswith("not learning") and "Or it had learned before" in level
    known = diagnose(made(np.full(20, 0.05), accuracy=LOW))[0]
    assert known.startswith("not learning") and "learned before" not in known
    penalised = made(5 + FALLING, accuracy=LOW)
    assert "Unless a penalty is part of the loss" in diagnose(penalised, classes=10)[0]


@pytest.mark.filterwarnings("error")
def test_a_loss_alone_gives_no_warning():
    assert diagnose(made(LEVEL))[0].startswith("healthy as far as can be seen")


def test_closeness_is_not_said_where_it_is_not_measured():
    (finding,) = diagnose(made(LEVEL, LEVEL, None, HIGH))
    assert finding.startswith("healthy: accuracy 100.0 % in validation, and levelled off")


def test_a_loss_of_zero_is_taken():
    assert diagnose(made(np.zeros(20), np.zeros(20), np.ones(20), np.ones(20))) == [
        "healthy: accuracy 100.0 % in validation, close to training, and levelled off. "
        "Measure the test set, once."
    ]


@pytest.mark.parametrize(
    ("history", "options", "message"),
    [
        ({}, {}, "at least one epoch, received an empty one; call fit first"),
        ({"loss": []}, {}, r"at least one epoch, received \{'loss': 0\}"),
        ({"accuracy": [0.5]}, {}, r"a 'loss' for at least one epoch, received \{'accuracy': 1\}"),
        ({"x": 3.0}, {}, r"for at least one epoch, received \{'x': 3.0\}; call fit first"),
        ([1.0, 0.5], {}, "expected the History that fit returns, .*, received list"),
        ({"loss": ["low", "lower"]}, {}, "one number for each epoch in 'loss', received"),
        ({"loss": [[1.0], [0.5]]}, {}, "one number for each epoch in 'loss', received"),
        ({"loss": [1.0]}, {"wanted_accuracy": 95}, "in 0-1, a fraction, received 95"),
        ({"loss": [1.0]}, {"classes": 1}, "2 classes or more, received classes=1"),
    ],
)
def test_refusals(history, options, message):
    with pytest.raises(ValueError, match=message):
        diagnose(history, **options)


@pytest.fixture(scope="module")
def fitted(digits):
    """`fitted(units, count, learning_rate, epochs)`: the history of a real training."""

    def fit(units, count, learning_rate, epochs):
        keras.utils.set_random_seed(0)
        model = mlp((8, 8, 1), 10, units=units)
        model.compile(
            keras.optimizers.Adam(learning_rate),
            "sparse_categorical_crossentropy",
            metrics=["accuracy"],
            jit_compile=False,
        )
        x, y = digits.train
        return model.fit(
            x[:count],
            y[:count],
            batch_size=32,
            epochs=epochs,
            validation_data=digits.test,
            validation_batch_size=360,
            verbose=0,
        )

    return fit


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "training"),
    [
        ("healthy", ((64,), 1257, 3e-3, 15)),
        ("over-fitting", ((128, 128), 100, 1e-2, 20)),
        ("under-fitting", ((3,), 1257, 5e-3, 40)),
        ("not learning", ((128, 128), 100, 0.5, 15)),
        ("diverged", ((128, 128), 100, 1e35, 3)),
        ("still improving", ((32,), 1257, 3e-4, 8)),
    ],
)
def test_real_trainings(fitted, fault, training):
    findings = diagnose(fitted(*training), classes=10)
    assert findings[0].startswith(fault), findings
    if fault == "healthy":
        assert len(findings) == 1
