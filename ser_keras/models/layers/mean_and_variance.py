"""Mean and variance over time."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("ser_keras")
class MeanAndVariance(keras.layers.Layer):
    """Mean and variance over time: [B, T, C] to [B, 2 C], means first, float32 whatever the global policy."""

    def __init__(self, **kwargs: object) -> None:
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        mean = ops.mean(inputs, axis=1, keepdims=True)
        variance = ops.mean(ops.square(inputs - mean), axis=1)
        return ops.concatenate([ops.squeeze(mean, 1), variance], axis=-1)

    def compute_output_shape(self, input_shape: tuple[int | None, int | None, int]) -> tuple[int | None, int]:
        return (input_shape[0], 2 * input_shape[-1])
