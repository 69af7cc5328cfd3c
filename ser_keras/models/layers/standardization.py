"""Standardisation as a layer that is adapted to training data."""

from collections.abc import Iterable, Sequence

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from ser_keras.common.errors import SerKerasError


@keras.saving.register_keras_serializable("ser_keras")
class Standardization(keras.layers.Layer):
    """Subtracts the training mean and divides by the training standard deviation.

    Unadapted, the layer passes its input on unchanged. `keras.layers.Normalization` does the same, but it keeps its
    sums in float32 and cannot leave out the scale.

    Args:
        axis: axes of the input (the batch is axis 0) that keep values of their own; statistics are taken over the
            others. `(1, 3)` of [B, F, T, C]: a mean for each frequency and channel.
        centre: whether to subtract the mean.
        scale: whether to divide by the standard deviation; a constant feature (deviation 0) is not divided.
        subset: the class whose training windows alone `adapt_model` adapts this layer to; None: all.
        kwargs: what `keras.layers.Layer` takes.

    Input, output:
        [B, ...], the same shape.

    Raises:
        SerKerasError: from `adapt`: no data, or values that are not finite.

    Example:
        Adapted to 5,000 training rows, which have mean 0 and deviation 1 behind it:

        >>> import keras, numpy as np
        >>> from ser_keras.layers import Standardization
        >>> train = np.random.default_rng(0).normal([10, -3], [2, 0.5], (5000, 2)).astype(np.float32)
        >>> layer = Standardization()
        >>> layer.adapt(train[i : i + 500] for i in range(0, 5000, 500))
        >>> inputs = keras.Input((2,))
        >>> model = keras.Model(inputs, keras.layers.Dense(3)(layer(inputs)))
        >>> standardised = np.asarray(layer(train))
        >>> bool(np.allclose([standardised.mean(axis=0), standardised.std(axis=0)], [[0, 0], [1, 1]], atol=1e-4))
        True
    """

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        centre: bool = True,
        scale: bool = True,
        *,
        subset: str | None = None,
        **kwargs: object,
    ) -> None:
        # Under mixed precision input and weights stay in float32 here: only the difference is cast.
        super().__init__(autocast=False, **kwargs)
        self.axis = (axis,) if isinstance(axis, int) else tuple(axis)
        self.centre = centre
        self.scale = scale
        self.subset = subset

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        axes = kept_axes(self, input_shape)
        self._over = tuple(a for a in range(len(input_shape)) if a not in axes)
        shape = tuple(n if a in axes else 1 for a, n in enumerate(input_shape))[1:]
        # A layer of its own is called in half precision's scope whatever its `autocast`: the weights refuse it too.
        options = {"trainable": False, "dtype": "float32", "autocast": False}
        self.mean = self.add_weight(shape=shape, initializer="zeros", name="mean", **options)
        self.deviation = self.add_weight(shape=shape, initializer="ones", name="deviation", **options)

    def adapt(self, batches: Iterable[NDArray[np.float32]]) -> None:
        """Set mean and deviation from training data.

        Args:
            batches: iterable of arrays [b, ...]; b may differ. Read once; sums are kept in float64.

        Raises:
            SerKerasError: no data, or values that aren't finite.
        """
        count, mean, squares = 0, np.float64(0), np.float64(0)
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
        # A constant's deviation is not exactly 0, because of rounding.
        constant = deviation <= 1e-6 * np.maximum(np.abs(mean), 1e-6)
        if self.centre:
            self.mean.assign(mean.astype(np.float32))
        if self.scale:
            self.deviation.assign(np.where(constant, 1.0, deviation).astype(np.float32))

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        x = ops.cast(inputs, "float32")
        if self.centre:
            x = x - self.mean
        if self.scale:
            x = x / self.deviation
        return ops.cast(x, self.compute_dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, object]:
        return {
            **super().get_config(),
            "axis": list(self.axis),
            "centre": self.centre,
            "scale": self.scale,
            "subset": self.subset,
        }


def kept_axes(layer: keras.layers.Layer, input_shape: tuple[int | None, ...]) -> list[int]:
    """The axes of an adapted layer's `axis`, counted from the front, in order.

    Raises:
        SerKerasError: one is the batch, or of unknown size.
    """
    axes = sorted({a % len(input_shape) for a in layer.axis})
    if 0 in axes or any(input_shape[a] is None for a in axes):
        raise SerKerasError(f"{layer.name}: axis {layer.axis} of shape {input_shape} must be sized, and not the batch")
    return axes
