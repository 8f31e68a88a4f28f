"""What all trainers of generative models have: a loss in parts, and classes as one-hot."""

from typing import Any

import keras
from keras import KerasTensor, ops


class GenerativeTrainer(keras.Model):
    """Networks that are trained together, with a loss of which `fit` shows the parts.

    It only trains: `compile`, `fit(images)` or, with classes, `fit(images, labels)`; a pipeline of
    `(image, label)` batches, as `thinkkeras.datasets.load` gives it, serves both. What generates
    is one of the networks in it, a model of its own. As a model by itself it hands images through.

    A kind of model says in `loss_parts` what it minimises. Keras calls `compute_loss` on every
    backend, so none needs a training step of its own.

    Args:
        networks: By attribute's name. Keras sorts their weights in this order.
        classes: How many; 0 for a model that knows of none.
        reported: Names of the parts.
        seed: Of all noise that training draws.
        name: Name of the model.
    """

    def __init__(
        self,
        networks: dict[str, keras.Model],
        classes: int,
        reported: tuple[str, ...],
        seed: int | None,
        name: str,
    ) -> None:
        super().__init__(name=name)
        for attribute, network in networks.items():
            setattr(self, attribute, network)
        self.classes, self.seed = classes, seed
        self.noise_seed = keras.random.SeedGenerator(seed)
        self.trackers = [keras.metrics.Mean(name=part) for part in reported]
        self.network_names = tuple(networks)
        self.built = True

    def call(self, images: KerasTensor, training: bool | None = None) -> KerasTensor:
        return images

    def loss_parts(
        self, images: KerasTensor, classes: list[KerasTensor], training: bool
    ) -> tuple[KerasTensor, tuple[KerasTensor, ...]]:
        """The loss to minimise, and the parts to report, all scalars.

        Args:
            images: Pixels of 0-255, float `(batch, height, width, channels)`.
            classes: One-hot `(batch, classes)`, in a list to be added to a network's inputs;
                empty without classes.
            training: Whether it is.
        """
        raise NotImplementedError

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> KerasTensor:
        images = ops.cast(x, self.compute_dtype)
        loss, parts = self.loss_parts(images, self.one_hot(y), training)
        for tracker, part in zip(self.trackers, parts, strict=True):
            tracker.update_state(part, sample_weight=ops.shape(images)[0])
        return sum([loss, *self.losses])

    def one_hot(self, labels: Any) -> list[KerasTensor]:
        """Labels `(batch,)` as a network's input, `[(batch, classes)]`; `[]` without classes.

        Raises:
            ValueError: The model has classes and there are no labels.
        """
        if not self.classes:
            return []
        if labels is None:
            raise ValueError(
                f"expected the labels of {self.classes} classes, received none; call "
                "fit(images, labels), or build the model with classes=0"
            )
        labels = ops.reshape(ops.cast(labels, "int32"), (-1,))
        return [ops.one_hot(labels, self.classes, dtype=self.compute_dtype)]

    def get_config(self) -> dict[str, Any]:
        networks = {
            name: keras.saving.serialize_keras_object(getattr(self, name))
            for name in self.network_names
        }
        return networks | {"seed": self.seed, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "GenerativeTrainer":
        def restored(value: Any) -> Any:
            if not isinstance(value, dict) or "class_name" not in value:
                return value
            return keras.saving.deserialize_keras_object(value, custom_objects)

        return cls(**{name: restored(value) for name, value in config.items()})


def class_input(classes: int) -> list[keras.KerasTensor]:
    """The input of a network that takes a class: one-hot, `[(batch, classes)]`; `[]` for none.

    One-hot, because a dense layer without bias makes the same vector of it as an embedding makes of
    the number, in an operator that every target has; and because between two classes lie others.
    """
    return [keras.Input((classes,), name="class")] if classes else []


def one_or_all(inputs: list[Any]) -> Any:
    """What a network is built with and called with: a list, but of one input that input itself.

    Keras warns where a model of one input is called with a list, and the other way round.
    """
    return inputs if len(inputs) > 1 else inputs[0]


def check_generative(numbers: int, classes: int, filters: Any, units: Any = ()) -> None:
    """Refuse a code without numbers, a negative number of classes, layers without units.

    Raises:
        ValueError: One of them is out of range.
    """
    if numbers < 1 or classes < 0 or any(width < 1 for width in (*filters, *units)):
        raise ValueError(
            "expected a code and layers of at least 1 and no negative number of classes, received "
            f"{numbers}, filters={tuple(filters)}, units={tuple(units)} and classes={classes}"
        )
