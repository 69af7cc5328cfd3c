"""TensorFlow's and Keras's global state for one experiment: memory growth, determinism, precision, several GPUs."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf

from ser_keras.experiment.settings import Experiment


@contextlib.contextmanager
def tensorflow_session(experiment: Experiment) -> Iterator[None]:
    """TensorFlow, set up for an experiment: precision, memory growth on GPUs, and on CPUs repeatable operations.

    On leaving, Keras's dtype policy and the states of Python's and numpy's global random generators are what they were
    before. Two things stay as they are until the process ends, because TensorFlow has no public way back: operations
    stay deterministic on a machine without GPUs, and GPU memory grows as it is needed. Sessions may be nested.

    Args:
        experiment: its `training.mixed_precision` decides the precision.

    Example:
        with tensorflow_session(experiment):
            classifier = build_classifier(experiment, feature_shape, n_classes)
    """
    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        with contextlib.suppress(RuntimeError):  # somebody used the GPU before: its memory stays as it is
            tf.config.experimental.set_memory_growth(gpu, True)
    if not gpus:
        tf.config.experimental.enable_op_determinism()
    python_state, numpy_state = random.getstate(), np.random.get_state()
    try:
        with dtype_policy("mixed_float16" if experiment.training.mixed_precision else "float32"):
            yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)


def strategy() -> tf.distribute.Strategy:
    """MirroredStrategy over several GPUs, otherwise the default one."""
    devices = tf.config.list_logical_devices("GPU")
    return (
        tf.distribute.MirroredStrategy([d.name for d in devices]) if len(devices) > 1 else tf.distribute.get_strategy()
    )


@contextlib.contextmanager
def dtype_policy(name: str) -> Iterator[None]:
    """Layers that are built within have this dtype policy; on leaving, the policy is what it was before."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def in_float32() -> contextlib.AbstractContextManager[None]:
    """Layers that are built within compute in float32, whatever the policy."""
    return dtype_policy("float32")
