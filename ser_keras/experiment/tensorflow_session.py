"""TensorFlow's global state for one experiment: memory growth, determinism, precision, several GPUs."""

import contextlib

import keras
import tensorflow as tf


def configure(experiment):
    """Set TensorFlow up for an experiment: memory growth on GPUs, precision, and on CPUs repeatable operations."""
    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    if not gpus:
        tf.config.experimental.enable_op_determinism()
    keras.mixed_precision.set_global_policy("mixed_float16" if experiment.training.mixed_precision else "float32")


def strategy():
    """MirroredStrategy over several GPUs, otherwise the default one."""
    devices = tf.config.list_logical_devices("GPU")
    return (
        tf.distribute.MirroredStrategy([d.name for d in devices]) if len(devices) > 1 else tf.distribute.get_strategy()
    )


@contextlib.contextmanager
def in_float32():
    """Layers built herein compute in float32, whatever the policy."""
    policy = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy("float32")
    try:
        yield
    finally:
        keras.mixed_precision.set_global_policy(policy)
