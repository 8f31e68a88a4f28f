"""Keras's own operations, written in what TFLite has built in.

Keras defines some operations for TensorFlow by others that TFLite lacks, though it has the
operation itself (`argmax` looks for a negative zero with BitwiseAnd first), or others it is exactly
made of. While a model is traced for conversion these definitions stand in for Keras's.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf
from keras.src.backend.tensorflow import numpy as keras_numpy
from keras.src.layers.preprocessing.index_lookup import IndexLookup
from keras.src.utils import tf_utils


@contextlib.contextmanager
def builtin_forms() -> Iterator[None]:
    """Trace Keras's operations in these definitions, wherever a layer calls them."""
    forms: list[tuple[Any, str, Callable[..., Any]]] = [
        (keras_numpy, "argmax", _index_of(tf.argmax)),
        (keras_numpy, "argmin", _index_of(tf.argmin)),
        (keras_numpy, "signbit", _signbit),
        (keras_numpy, "sinh", lambda x: (tf.exp(_float(x)) - tf.exp(-_float(x))) / 2),
        (keras_numpy, "cosh", lambda x: (tf.exp(_float(x)) + tf.exp(-_float(x))) / 2),
        (keras_numpy, "tan", lambda x: tf.sin(_float(x)) / tf.cos(_float(x))),
        (keras_numpy, "cumprod", _cumprod),
        (keras_numpy, "diagonal", _diagonal_or(keras_numpy.diagonal)),
        (keras_numpy, "searchsorted", _searchsorted),
        (tf_utils, "tf_encode_categorical_inputs", _no_fast_path),
        (IndexLookup, "_lookup_dense", _looked_up_or(IndexLookup._lookup_dense)),
    ]
    kept = [getattr(place, name) for place, name, _ in forms]
    try:
        for place, name, form in forms:
            setattr(place, name, form)
        yield
    finally:
        for (place, name, _), original in zip(forms, kept, strict=True):
            setattr(place, name, original)


def _float(x: Any) -> tf.Tensor:
    x = tf.convert_to_tensor(x)
    return x if x.dtype.is_floating else tf.cast(x, tf.float32)


def _index_of(find: Callable[..., tf.Tensor]) -> Callable[..., tf.Tensor]:
    def form(x: Any, axis: int | None = None, keepdims: bool = False) -> tf.Tensor:
        x = tf.convert_to_tensor(x)
        if axis is None:
            index = find(tf.reshape(x, [-1]), axis=0, output_type=tf.int32)
            return tf.reshape(index, [1] * x.shape.rank) if keepdims else index
        index = find(x, axis=axis, output_type=tf.int32)
        return tf.expand_dims(index, axis) if keepdims else index

    return form


def _signbit(x: Any) -> tf.Tensor:
    x = tf.convert_to_tensor(x)
    return tf.zeros_like(x) if x.dtype == tf.bool else x < 0


def _cumprod(x: Any, axis: int | None = None, dtype: Any = None) -> tf.Tensor:
    x = tf.convert_to_tensor(x)
    x = tf.cast(x, dtype or (tf.int32 if x.dtype == tf.bool else x.dtype))
    if axis is None:
        x, axis = tf.reshape(x, [-1]), 0
    products: list[tf.Tensor] = []
    for part in tf.unstack(x, axis=axis):
        products.append(products[-1] * part if products else part)
    return tf.stack(products, axis=axis)


def _diagonal_or(original: Callable[..., tf.Tensor]) -> Callable[..., tf.Tensor]:
    def form(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> tf.Tensor:
        x = tf.convert_to_tensor(x)
        last = x.shape.rank - 2, x.shape.rank - 1
        if offset or (axis1 % x.shape.rank, axis2 % x.shape.rank) != last:
            return original(x, offset, axis1, axis2)
        *others, rows, columns = x.shape
        size = min(rows, columns)
        flat = tf.reshape(x[..., :size, :], [*others, size * columns])
        return flat[..., :: columns + 1]

    return form


def _searchsorted(sorted_sequence: Any, values: Any, side: str = "left") -> tf.Tensor:
    values = tf.convert_to_tensor(values)[..., None]
    before = sorted_sequence < values if side == "left" else sorted_sequence <= values
    return tf.reduce_sum(tf.cast(before, tf.int32), axis=-1)


def _no_fast_path(*arguments: Any, **options: Any) -> Any:
    # Keras then makes the encoding out of one_hot, as for its other backends.
    raise ValueError("expected one_hot in place of DenseBincount")


def _looked_up_or(original: Callable[..., tf.Tensor]) -> Callable[..., tf.Tensor]:
    def form(self: Any, inputs: Any) -> tf.Tensor:
        hashed = self.num_oov_indices > 1 and self.oov_method == "farmhash"
        if self.invert or hashed or not tf.as_dtype(self._key_dtype).is_integer:
            return original(self, inputs)
        with tf.init_scope():
            keys, values = (table.numpy() for table in self.lookup_table.export())
        # No table of the runtime: the vocabulary is compared with, which microcontrollers can.
        found = tf.equal(inputs[..., None], tf.constant(keys, inputs.dtype))
        places = tf.reduce_sum(tf.cast(found, tf.int32) * tf.constant(values, tf.int32), axis=-1)
        if self.num_oov_indices:
            unknown = self._oov_start_index() + tf.zeros_like(places)
            if self.num_oov_indices > 1:
                unknown += tf.cast(tf.math.floormod(inputs, self.num_oov_indices), tf.int32)
            places = tf.where(tf.reduce_any(found, axis=-1), places, unknown)
        if self.mask_token is not None:
            places = tf.where(tf.equal(inputs, self._mask_key), int(self._mask_value), places)
        return tf.cast(places, self._value_dtype)

    return form
