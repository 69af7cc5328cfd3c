"""Layers that are adapted to training data, once a fold, before training; and the walk that adapts a whole model."""

import keras
import numpy as np
from keras import ops

from ser_keras.common.errors import SerKerasError


@keras.saving.register_keras_serializable("ser_keras")
class Standardization(keras.layers.Layer):
    """Minus the training mean, by the training standard deviation. Unadapted, it passes its input on unchanged.

    `keras.layers.Normalization` does the same but keeps its sums in float32 and can't leave out the scale.

    Args:
        axis: axes of the input (the batch is axis 0) that keep values of their own; statistics are taken over the
            others. `(1, 3)` of [B, F, T, C]: a mean for each frequency and channel.
        centre: whether to subtract the mean.
        scale: whether to divide by the standard deviation; a constant feature (deviation 0) isn't divided.
        subset: the class whose training windows alone `adapt_model` adapts this layer to; None: all.
        kwargs: what `keras.layers.Layer` takes.

    Input, output:
        [B, ...], the same shape.

    Raises:
        SerKerasError: from `adapt`, where there is no data or it isn't finite.
    """

    def __init__(self, axis=-1, centre=True, scale=True, subset=None, **kwargs):
        # Under mixed precision input and weights stay in float32 here; the difference is cast, not what it is made of.
        super().__init__(autocast=False, **kwargs)
        self.axis = (axis,) if isinstance(axis, int) else tuple(axis)
        self.centre = centre
        self.scale = scale
        self.subset = subset

    def build(self, input_shape):
        kept = kept_axes(self, input_shape)
        self._over = tuple(a for a in range(len(input_shape)) if a not in kept)
        shape = tuple(n if a in kept else 1 for a, n in enumerate(input_shape))[1:]
        # A layer of its own is called in half precision's scope whatever its `autocast`: the weights refuse it too.
        options = {"trainable": False, "dtype": "float32", "autocast": False}
        self.mean = self.add_weight(shape=shape, initializer="zeros", name="mean", **options)
        self.deviation = self.add_weight(shape=shape, initializer="ones", name="deviation", **options)

    def adapt(self, batches):
        """Set mean and deviation from training data.

        Args:
            batches: iterable of arrays [b, ...]; b may differ. Read once; sums are kept in float64.

        Raises:
            SerKerasError: no data, or values that aren't finite.
        """
        count, mean, squares = 0, 0.0, 0.0
        for batch in batches:
            batch = np.asarray(batch, dtype=np.float64)
            if not batch.size:
                continue
            if not self.built:
                self.build(batch.shape)
            # Chan, Golub & LeVeque 1983: means and squared deviations of two sets joined, without cancellation.
            n = batch.size // int(np.prod(self.mean.shape))
            batch_mean = batch.mean(axis=self._over, keepdims=True)[0]
            batch_squares = np.square(batch - batch_mean).sum(axis=self._over, keepdims=True)[0]
            difference = batch_mean - mean
            total = count + n
            mean = mean + difference * n / total
            squares = squares + batch_squares + np.square(difference) * count * n / total
            count = total
        if not count:
            raise SerKerasError(f"{self.name}: no training data to adapt to")
        if not np.all(np.isfinite(squares)):
            raise SerKerasError(f"{self.name}: the training data holds values that aren't finite")
        deviation = np.sqrt(squares / count)
        # What rounding leaves of a constant is no deviation.
        constant = deviation <= 1e-6 * np.maximum(np.abs(mean), 1e-6)
        if self.centre:
            self.mean.assign(mean.astype(np.float32))
        if self.scale:
            self.deviation.assign(np.where(constant, 1.0, deviation).astype(np.float32))

    def call(self, inputs):
        x = ops.cast(inputs, "float32")
        if self.centre:
            x = x - self.mean
        if self.scale:
            x = x / self.deviation
        return ops.cast(x, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        own = {"axis": list(self.axis), "centre": self.centre, "scale": self.scale, "subset": self.subset}
        return {**super().get_config(), **own}


def kept_axes(layer, input_shape):
    """The axes of an adapted layer's `axis`, counted from the front, in order.

    Raises:
        SerKerasError: one is the batch, or of unknown size.
    """
    kept = sorted({a % len(input_shape) for a in layer.axis})
    if 0 in kept or any(input_shape[a] is None for a in kept):
        raise SerKerasError(f"{layer.name}: axis {layer.axis} of shape {input_shape} must be sized, and not the batch")
    return kept
