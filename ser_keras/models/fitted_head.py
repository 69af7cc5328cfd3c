"""A baseline behind a net: fitted to what a layer makes of the training windows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import keras
import numpy as np
from numpy.typing import NDArray

from ser_keras.common.errors import SerKerasError, nearest
from ser_keras.models import baselines
from ser_keras.models.classifier import Classifier, KerasClassifier, WithFrontEnd, load_keras, save_keras


class FittedHead(Classifier):
    """A net up to some layer and the baseline behind it, as one classifier of windows.

    Args:
        net: features -> vectors.
        head: classifier of these vectors.

    Attributes:
        net, head: the same.
    """

    why_not_exportable = "is no Keras model"
    FILE = "head.skops"

    def __init__(self, net: keras.Model, head: baselines.Baseline) -> None:
        self.net, self.head = net, head
        self.n_classes = head.n_classes

    def probabilities(
        self, features: NDArray[np.float32], present: NDArray[np.bool_] | None = None
    ) -> NDArray[np.float32]:
        return self.head.probabilities(self.net.predict_on_batch(features))

    def save_to(self, folder: Path, with_front_end: WithFrontEnd | None = None) -> None:
        self.head.save(folder / self.FILE)
        save_keras(self.net, folder / KerasClassifier.ALONE)

    @classmethod
    def is_in(cls, folder: Path) -> bool:
        return (folder / cls.FILE).is_file()

    @classmethod
    def load_from(cls, folder: Path) -> FittedHead:
        return cls(load_keras(folder / KerasClassifier.ALONE), baselines.load(folder / cls.FILE))


def cut_at(classifier: keras.Model, layer: str | None = None) -> keras.Model:
    """A net up to one of its layers (None: its first output), without what follows.

    Raises:
        SerKerasError: no layer of that name.
    """
    if layer is None:
        return keras.Model(classifier.input, classifier.outputs[0])
    names = [each.name for each in classifier.layers]
    if layer not in names:
        raise SerKerasError(f"head.layer: {classifier.name} has no layer '{layer}'; nearest: {nearest(layer, names)}")
    return keras.Model(classifier.input, classifier.get_layer(layer).output)


class Rows(Protocol):
    """Features by row, as `RowStore` and `JoinedStore` give them."""

    def gather(self, indices: NDArray[np.integer]) -> NDArray[np.float32]: ...


def fit_head(
    net: keras.Model,
    name: str,
    rows: Rows,
    *,
    indices: NDArray[np.integer],
    labels: NDArray[np.integer],
    groups: NDArray[np.integer],
    n_classes: int,
    seed: Sequence[int],
    **settings: object,
) -> FittedHead:
    """Fit a baseline to a net's outputs.

    Args:
        net: what `cut_at` gave.
        name, settings: the baseline and its arguments.
        rows: the store of features.
        indices: [n] rows of the store to fit to.
        labels, groups: [n] class of each, and whom it belongs to (for searches inside the training part).
        n_classes: number of classes.
        seed: of everything random in the baseline.
    """
    size = 256
    outputs = [net.predict_on_batch(rows.gather(indices[i : i + size])) for i in range(0, len(indices), size)]
    x = np.concatenate(outputs)
    return FittedHead(net, baselines.fit(name, x, labels, n_classes=n_classes, seed=seed, groups=groups, **settings))
