"""Replaces anomalous values of features, as a layer that is adapted to training data."""

from collections.abc import Iterable, Sequence

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from ser_keras.common.errors import SerKerasError
from ser_keras.models.layers.standardization import kept_axes

TO_DEVIATION = 1.4826  # of a normal distribution, by its median absolute deviation
LARGEST_FLOAT32 = 3.4028235e38
SAMPLE_VALUES = 2**24  # 64 MiB: 2048 windows of 64 x 64 x 2


@keras.saving.register_keras_serializable("ser_keras")
class ReplaceAnomalies(keras.layers.Layer):
    """Replaces values that are not finite, or far from the training median, by a typical training value.

    Far is beyond `threshold` robust standard deviations (1.4826 x the median absolute deviation). Where that deviation
    is 0, only values that are not finite are replaced. Unadapted, the layer passes its input on unchanged.

    Reference: N. Anand, P. Verma, Convoluting Feelings, Stanford CS231n 2015, section 2 (anomalous data points:
    replaced by the median of 1000 random values). The threshold is ours: the paper gives none.

    Args:
        axis: axes of the input (the batch is axis 0) that keep statistics of their own, as in `Standardization`.
        threshold: in robust standard deviations, above 0.
        n_values: random training values whose median is the replacement.
        seed: of the random values, and of the sample of windows where memory should not hold them all.
        kwargs: what `keras.layers.Layer` takes. The layer computes in float32 whatever the global policy.

    Input, output:
        [B, ...], the same shape.

    Raises:
        SerKerasError: a threshold or number that is not above 0; from `adapt`: there is no data.
    """

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        threshold: float = 5.0,
        n_values: int = 1000,
        *,
        seed: int = 0,
        **kwargs: object,
    ) -> None:
        kwargs.setdefault("dtype", "float32")
        super().__init__(autocast=False, **kwargs)
        if not threshold > 0 or n_values < 1:
            raise SerKerasError(f"{self.name}: threshold {threshold} and n_values {n_values} must be above 0")
        self.axis = (axis,) if isinstance(axis, int) else tuple(axis)
        self.threshold = threshold
        self.n_values = n_values
        self.seed = seed

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self._axes = kept_axes(self, input_shape)
        shape = tuple(n if a in self._axes else 1 for a, n in enumerate(input_shape))[1:]

        def weight(name: str, initial: float) -> keras.Variable:
            initializer = keras.initializers.Constant(initial)
            return self.add_weight(shape=shape, initializer=initializer, trainable=False, name=name, dtype="float32")

        self.median = weight("median", 0.0)
        # Unadapted: every value but NaN lies within an infinite deviation, and NaN is replaced by NaN.
        self.deviation = weight("deviation", np.inf)
        self.replacement = weight("replacement", np.nan)

    def adapt(self, batches: Iterable[NDArray[np.float32]]) -> None:
        """Set median, deviation and replacement from training data.

        Args:
            batches: iterable of arrays [b, ...]; b may differ. Read once; beyond 16.8 million values a random sample
                of windows stands for all.

        Raises:
            SerKerasError: no data.
        """
        rng = np.random.default_rng(self.seed)
        sample = _sample(batches, rng)
        if not len(sample):
            raise SerKerasError(f"{self.name}: no training data to adapt to")
        if not self.built:
            self.build(sample.shape)
        over = [a for a in range(sample.ndim) if a not in self._axes]
        columns = sample.transpose(*self._axes, *over).reshape(int(np.prod(self.median.shape)), -1)
        statistics = np.array([robust_statistics(column, self.n_values, rng) for column in columns], np.float32)
        for weight, values in zip((self.median, self.deviation, self.replacement), statistics.T, strict=True):
            weight.assign(values.reshape(weight.shape))

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        x = ops.cast(inputs, "float32")
        limit = ops.where(self.deviation > 0, self.threshold * self.deviation, LARGEST_FLOAT32)
        # NaN compares as false.
        return ops.where(ops.abs(x - self.median) <= limit, x, self.replacement)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, object]:
        return {
            **super().get_config(),
            "axis": list(self.axis),
            "threshold": self.threshold,
            "n_values": self.n_values,
            "seed": self.seed,
        }


def robust_statistics(
    values: NDArray[np.floating], n_values: int, rng: np.random.Generator
) -> tuple[float, float, float]:
    """Median, robust standard deviation and replacement (the median of n_values random ones) of training values [n]."""
    values = values[np.isfinite(values)]
    if not len(values):
        return 0.0, 0.0, 0.0
    median = np.median(values)
    deviation = TO_DEVIATION * np.median(np.abs(values - median))
    return median, deviation, np.median(values[rng.integers(len(values), size=n_values)])


def _sample(batches: Iterable[NDArray[np.float32]], rng: np.random.Generator) -> NDArray[np.float32]:
    """All rows of the batches, or as many random ones as SAMPLE_VALUES allows (reservoir sampling); [n, ...]."""
    sample, n_seen = np.empty((0, 1), np.float32), 0
    for batch in batches:
        batch = np.asarray(batch, np.float32)
        if not batch.size:
            continue
        if not n_seen:
            sample = np.empty((max(1, SAMPLE_VALUES // batch[0].size), *batch.shape[1:]), np.float32)
        # Vitter 1985, algorithm R: row i takes a random place of 0..i, if there is such a place.
        numbers = np.arange(n_seen, n_seen + len(batch))
        places = (rng.random(len(batch)) * (numbers + 1)).astype(int)
        places[numbers < len(sample)] = numbers[numbers < len(sample)]
        for row, place in zip(batch, places, strict=True):
            if place < len(sample):
                sample[place] = row
        n_seen += len(batch)
    return sample[:n_seen]
