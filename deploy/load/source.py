"""A model to deploy, seen as one function from flat tensors to flat tensors."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from keyword import iskeyword
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from deploy.runtime.errors import DeployError

# As many numbers enter the model at once: it keeps what all its layers compute, which of hundreds
# of large images would fill the memory.
_BATCH_NUMBERS = 2**21

DTYPES = ("float16", "float32", "uint8", "int8", "int16", "int32", "int64", "bool")


@dataclass(frozen=True)
class Input:
    """One input: its name, its shape without the batch axis, its NumPy dtype name."""

    name: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class Source:
    """A model to deploy, seen as one function from flat tensors to flat tensors.

    `call` takes one tensor an input and returns one tensor an output, in inference mode. It is no
    `tf.function`: each trace of it has the shapes of its own arguments, so batch 1 stays static.
    `model` is the Keras or tf_keras model behind it (None for a SavedModel), `file` where it was
    read from (None for a model in memory). Where `plain_floats` has built that model again, `given`
    is the model as it came, and `call_given` calls it: what is deployed is held against that.
    `trained_weights` says how the weights of a quantization-aware model are to be stored (None for
    any other model). `variables_of_state` are what stateful recurrent layers keep from call to
    call; `state`: pairs of the positions of an output and of the input that takes it at the next
    call. `front_ends` are those that the model itself tells of its inputs, by their names.
    """

    name: str
    inputs: tuple[Input, ...]
    outputs: tuple[str, ...]
    call: Callable[..., Sequence[tf.Tensor]]
    variables: tuple[tf.Variable, ...]
    params: int
    model: Any = None
    given: Any = None
    call_given: Callable[..., Sequence[tf.Tensor]] | None = None
    file: Path | None = None
    trained_weights: str | None = None
    variables_of_state: tuple[Any, ...] = ()
    state: tuple[tuple[int, int], ...] = ()
    front_ends: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def stateful(self) -> bool:
        """Whether recurrent layers keep their state from call to call."""
        return bool(self.variables_of_state)

    def without_state(self) -> Source:
        """The same with the inputs and outputs alone that a caller sees."""
        carried, taken = ({pair[side] for pair in self.state} for side in (0, 1))
        return replace(
            self,
            inputs=tuple(entry for k, entry in enumerate(self.inputs) if k not in taken),
            outputs=tuple(name for k, name in enumerate(self.outputs) if k not in carried),
            state=(),
        )

    def predict(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The model's outputs, float32, for `arrays`: one (examples, …) array an input. To a
        stateful model they are one sequence from a state of zero; its own state stays as it is.

        Raises:
            DeployError: examples on which the model fails, or outputs that are not finite.
        """
        batch_size = max(1, min(256, _BATCH_NUMBERS // sum(array[0].size for array in arrays)))
        with _zeroed(self.variables_of_state):
            return self._predict(arrays, 1 if self.stateful else batch_size)

    def _predict(self, arrays: Sequence[np.ndarray], batch_size: int) -> list[np.ndarray]:
        batches = []
        for start in range(0, len(arrays[0]), batch_size):
            stop = start + batch_size
            tensors = [
                tf.constant(array[start:stop], dtype=entry.dtype)
                for array, entry in zip(arrays, self.inputs, strict=True)
            ]
            try:
                computed = (self.call_given or self.call)(*tensors)
            except tf.errors.OpError as error:
                raise DeployError(
                    "expected examples that the Keras model can compute, received some on which "
                    f"it fails: {one_line(error.message)}; check their values (an index into an "
                    "Embedding, say)"
                ) from error
            batches.append([np.asarray(output, np.float32) for output in computed])
        outputs = [np.concatenate(parts) for parts in zip(*batches, strict=True)]
        for name, output in zip(self.outputs, outputs, strict=True):
            if not np.isfinite(output).all():
                raise DeployError(
                    f"expected finite outputs, received NaN or infinity from '{name}' of the Keras "
                    "model; train it again, or check the units of its input"
                )
        return outputs


@contextlib.contextmanager
def _zeroed(variables: Sequence[Any]) -> Iterator[None]:
    kept = [np.asarray(variable).copy() for variable in variables]
    try:
        for variable, value in zip(variables, kept, strict=True):
            variable.assign(np.zeros_like(value))
        yield
    finally:
        for variable, value in zip(variables, kept, strict=True):
            variable.assign(value)


def digest(path: Path) -> str:
    """SHA-256 of a model's file, or of all the files of a SavedModel folder."""
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    sha = hashlib.sha256()
    for file in files:
        if file.is_file():
            sha.update(file.read_bytes())
    return sha.hexdigest()


def distinct(names: Iterable[str]) -> tuple[str, ...]:
    """`names`, with its position added to each that stands there more than once."""
    given = list(names)
    return tuple(
        name if given.count(name) == 1 else f"{name}_{index}" for index, name in enumerate(given)
    )


def functional(model: Any, inputs: Any, outputs: Any) -> Any:
    """A functional model over part of `model`, which may be one of Keras 3 or of tf_keras."""
    if isinstance(model, keras.Model):
        return keras.Model(inputs, outputs)
    import tf_keras

    return tf_keras.Model(inputs, outputs)


def one_line(error: Any) -> str:
    """What an error says, shortened, without line breaks."""
    # TensorFlow colours what it says for a terminal.
    plain = re.sub(r"\x1b\[\d*m", "", str(error))
    text = " ".join(plain.split()) or type(error).__name__
    return text if len(text) <= 400 else text[:400] + "…"


def static_input(name: str, shape: Sequence[int | None], dtype: str) -> Input:
    """The input of that name, `shape` with the batch axis.

    Raises:
        DeployError: a batch of another size than 1, an axis of no size, a dtype no device takes.
    """
    if shape[0] not in (None, 1):
        raise DeployError(
            f"expected a batch axis of None or 1, received {tuple(shape)} for input '{name}'; "
            "build the model with keras.Input(shape), without a batch size"
        )
    dynamic = [axis for axis, size in enumerate(shape) if size is None and axis > 0]
    if dynamic:
        raise DeployError(
            f"expected a static shape, received {tuple(shape)} for input '{name}': axis "
            f"{dynamic[0]} is dynamic; rebuild the model with a fixed shape, as edge models "
            "allocate their memory once"
        )
    if dtype not in DTYPES:
        raise DeployError(
            f"expected numbers, received {dtype} for input '{name}'; let texts enter by a "
            "TextVectorization behind the input, or leave that part of the model to the program "
            "around it"
        )
    return Input(name, tuple(size for size in shape[1:] if size is not None), dtype)


def signature_names(source: Source) -> list[list[str]]:
    """The names of the inputs and of the outputs in the flatbuffer's signature, which takes
    letters, digits and underscores, none twice, and no word of Python's such as `class`."""
    columns = [entry.name for entry in source.inputs], source.outputs
    return [list(distinct(map(_signature_name, names))) for names in columns]


def _signature_name(name: str) -> str:
    plain = re.sub(r"\W", "_", name)
    return f"{plain}_" if iskeyword(plain) else plain


def with_state(source: Source, state: Mapping[str, str] | None) -> Source:
    """The source with the state that `export` is told of.

    Args:
        source: the model.
        state: the name of the input that takes each output at the next call.

    Raises:
        DeployError: no such input or output, one that is taken twice, another shape, or no input
            but the state.
    """
    if state is not None and not isinstance(state, Mapping):
        raise DeployError(
            f"expected the state as a mapping of outputs to inputs, received {state!r}; write "
            'state={"new_state": "state"}'
        )
    inputs = [entry.name for entry in source.inputs]
    pairs = []
    for output, taken in (state or {}).items():
        if output not in source.outputs or taken not in inputs:
            raise DeployError(
                f"expected the state by the names of outputs ({', '.join(source.outputs)}) and the "
                f"inputs ({', '.join(inputs)}) that take them, received '{output}' and '{taken}'"
            )
        pairs.append((source.outputs.index(output), inputs.index(taken)))
    if len({taken for _, taken in pairs}) < len(pairs) or len(pairs) == len(inputs):
        raise DeployError(
            f"expected an input of its own for each output of the state, and one that is no state, "
            f"received {dict(state or {})} for the inputs {', '.join(inputs)}"
        )
    return replace(source, state=tuple(pairs))
