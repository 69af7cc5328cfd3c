"""Mixup: examples and their labels blended in pairs."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from ser_keras.common.seeds import FoldSeeds, Stream


class Mixup:
    """Blend each example of a batch with another one, features and labels alike.

    Reference: H. Zhang, M. Cisse, Y. Dauphin, D. Lopez-Paz, mixup: Beyond Empirical Risk Minimization, ICLR 2018. The
    weight is at least one half, so that an example keeps its own label's greater part.

    Args:
        alpha: of the Beta(alpha, alpha) distribution that weights are drawn from; above 0.
        n_classes: number of classes.
    """

    def __init__(self, alpha: float, n_classes: int) -> None:
        self.alpha, self.n_classes = alpha, n_classes

    def draw(self, n: int, rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """(weights [n] of the examples themselves, partners [n]) of a batch of n."""
        weight = rng.beta(self.alpha, self.alpha, n)
        return np.maximum(weight, 1 - weight).astype(np.float32), rng.permutation(n)

    def mix(self, x: tf.Tensor, y: tf.Tensor, *, weight: tf.Tensor, partner: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Blend.

        Args:
            x: [n, ...] features.
            y: [n] int labels.
            weight, partner: [n], see `draw`.

        Returns:
            (features [n, ...], labels [n, n_classes]).
        """
        target = tf.one_hot(y, self.n_classes)
        spread = tf.reshape(weight, [-1, *([1] * (len(x.shape) - 1))])
        return (
            spread * x + (1 - spread) * tf.gather(x, partner),
            weight[:, None] * target + (1 - weight[:, None]) * tf.gather(target, partner),
        )

    def dataset(self, dataset: tf.data.Dataset, seeds: FoldSeeds, first_step: int) -> tf.data.Dataset:
        """A dataset of (features, labels[, weights]) mixed; sample weights are blended alike.

        Args:
            dataset: of batches.
            seeds: of the training; they decide the draws, with the number of the step.
            first_step: number of the dataset's first step within the training.
        """

        def draw(n: int, step: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
            return self.draw(int(n), seeds.generator(Stream.MIXUP, int(step)))

        def mixed(step: tf.Tensor, batch: tuple[tf.Tensor, ...]) -> tuple[tf.Tensor, ...]:
            x, y, *rest = batch
            weight, partner = tf.numpy_function(draw, [tf.shape(y)[0], step], [tf.float32, tf.int64], stateful=False)
            weight.set_shape([None])
            partner.set_shape([None])
            blended = (weight * w + (1 - weight) * tf.gather(w, partner) for w in rest)
            return (*self.mix(x, y, weight=weight, partner=partner), *blended)

        return dataset.enumerate(first_step).map(mixed, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
