"""The rows of published papers, run and set beside the figures that the papers report."""

from ser_keras.reproduction.rows import ids

__all__ = ["ids"]
