"""A baseline behind a net: fitted to what a layer makes of the training windows."""

import keras
import numpy as np

from ser_keras.common.errors import SerKerasError, nearest
from ser_keras.models import baselines


class Headed:
    """A net up to some layer and the baseline behind it, as one classifier of features.

    Args:
        net: keras.Model, features -> vectors.
        head: baselines.Baseline.
    """

    def __init__(self, net, head):
        self.net, self.head = net, head

    def probabilities(self, batch):
        """[n, ...] features to [n, n_classes] float32."""
        return self.head.probabilities(self.net.predict_on_batch(batch))


def cut_at(classifier, layer=None):
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


def fit_head(net, name, material, rows, labels, groups, n_classes, seed, **settings):
    """Fit a baseline to a net's outputs.

    Args:
        net: what `cut_at` gave.
        name, settings: the baseline and its arguments.
        material: Material.
        rows: rows of the store to fit to.
        labels, groups: [n] class of each, and whom it belongs to (for searches inside the training part).
        n_classes: number of classes.
        seed: ints.

    Returns:
        Headed.
    """
    size = 256
    outputs = [net.predict_on_batch(material.store.gather(rows[i : i + size])) for i in range(0, len(rows), size)]
    return Headed(net, baselines.fit(name, np.concatenate(outputs), labels, n_classes, seed, groups=groups, **settings))
