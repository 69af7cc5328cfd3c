"""ser-keras: speech emotion recognition trained in Keras, judged honestly, and run on a phone."""

from ser_keras.common.version import __version__

__all__ = ["SerKerasError", "load", "__version__"]


def __getattr__(name):
    if name == "load":
        from ser_keras.runtime.model import load

        return load
    if name == "SerKerasError":
        from ser_keras.common.errors import SerKerasError

        return SerKerasError
    raise AttributeError(f"module 'ser_keras' has no attribute '{name}'")
