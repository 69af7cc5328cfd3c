"""Principal component analysis as a layer that is adapted to training data."""

from collections.abc import Iterable

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from ser_keras.common.errors import SerKerasError
from ser_keras.models.layers.standardization import kept_axes

# Share of the greatest variance below which a component holds only what rounding left.
RANK_TOLERANCE = 1e-9


@keras.saving.register_keras_serializable("ser_keras")
class Pca(keras.layers.Layer):
    """The first principal components of one axis; whitened, each has the variance 1 on the training data.

    Components are in order of falling variance, each with its greatest loading positive, so that the same data give the
    same signs. Unadapted, the layer passes on the first `n_components` values of the axis.

    Reference: I. T. Jolliffe, Principal Component Analysis, 2nd edition, Springer 2002, chapters 1 and 2.

    Args:
        n_components: how many components are kept; at most the size of the axis.
        axis: the axis of the input that is projected (the batch is axis 0); the others count as samples.
        whiten: whether each component is divided by its training standard deviation. A component without variance
            (fewer independent samples than components) is 0.
        kwargs: what `keras.layers.Layer` takes.

    Input, output:
        [B, ...], the same shape but for the axis, which has `n_components`.

    Raises:
        SerKerasError: more components than the axis has values; from `adapt`: no data, or values that are not finite.
    """

    def __init__(self, n_components: int, axis: int = -1, *, whiten: bool = False, **kwargs: object) -> None:
        # As in `Standardization`: half precision may hold the result, not what it is made of.
        super().__init__(autocast=False, **kwargs)
        self.n_components = n_components
        self.axis = (axis,)
        self.whiten = whiten

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        (axis,) = kept_axes(self, input_shape)
        size = input_shape[axis]
        if size is None or not 1 <= self.n_components <= size:
            raise SerKerasError(
                f"{self.name}: {self.n_components} components of an axis of {size} values; n_components must be from 1 "
                f"to {size}"
            )
        self._axis = axis
        options = {"trainable": False, "dtype": "float32", "autocast": False}
        self.mean = self.add_weight(shape=(size,), initializer="zeros", name="mean", **options)
        shape = (size, self.n_components)
        self.components = self.add_weight(shape=shape, initializer="identity", name="components", **options)

    def adapt(self, batches: Iterable[NDArray[np.float32]]) -> None:
        """Set mean and components from training data.

        Args:
            batches: iterable of arrays [b, ...]; b may differ. Read once; sums are kept in float64.

        Raises:
            SerKerasError: no data, or values that aren't finite.
        """
        count, mean, products = 0, np.float64(0), np.float64(0)
        for batch in batches:
            batch = np.asarray(batch, dtype=np.float64)
            if not batch.size:
                continue
            if not self.built:
                self.build(batch.shape)
            rows = np.moveaxis(batch, self._axis, -1).reshape(-1, batch.shape[self._axis])
            # As in `Standardization.adapt`: means and products of two sets joined, without cancellation.
            batch_mean = rows.mean(axis=0)
            centred = rows - batch_mean
            difference = batch_mean - mean
            total = count + len(rows)
            mean = mean + difference * len(rows) / total
            products = products + centred.T @ centred + np.outer(difference, difference) * count * len(rows) / total
            count = total
        if not count:
            raise SerKerasError(f"{self.name}: no training data to adapt to")
        if not np.all(np.isfinite(products)):
            raise SerKerasError(f"{self.name}: the training data holds values that aren't finite")
        variances, vectors = np.linalg.eigh(products / count)
        variances, vectors = variances[::-1][: self.n_components], vectors[:, ::-1][:, : self.n_components]
        vectors = vectors * np.sign(vectors[np.argmax(np.abs(vectors), axis=0), np.arange(self.n_components)])
        if self.whiten:
            nonzero = variances > RANK_TOLERANCE * variances[0]
            vectors = vectors * np.where(nonzero, 1 / np.sqrt(np.where(nonzero, variances, 1)), 0)
        self.mean.assign(mean.astype(np.float32))
        self.components.assign(vectors.astype(np.float32))

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        x = ops.moveaxis(ops.cast(inputs, "float32"), self._axis, -1)
        x = ops.matmul(x - self.mean, self.components)
        return ops.cast(ops.moveaxis(x, -1, self._axis), self.compute_dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        shape = list(input_shape)
        shape[self.axis[0]] = self.n_components
        return tuple(shape)

    def get_config(self) -> dict[str, object]:
        return {
            **super().get_config(),
            "n_components": self.n_components,
            "axis": self.axis[0],
            "whiten": self.whiten,
        }
