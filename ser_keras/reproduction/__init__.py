"""The rows of published papers, run and set beside the figures that the papers report."""

from ser_keras.reproduction.rows import ids

__all__ = ["ids", "reproduce"]


def reproduce(ids, corpora, out, protocols=None, changes=()):
    """Run rows into a directory, or go on with it; see `running.reproduce`."""
    # `--list` needs no TensorFlow
    from ser_keras.reproduction import running

    return running.reproduce(ids, corpora, out, protocols, changes)
