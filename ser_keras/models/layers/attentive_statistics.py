"""Mean and deviation over time, weighted by attention."""

import keras
from keras import ops

from ser_keras.models.layers.pooling import mean_and_deviation


@keras.saving.register_keras_serializable("ser_keras")
class AttentiveStatistics(keras.layers.Layer):
    """Mean and standard deviation over time; each channel weights the frames by an attention of its own.

    Reference: K. Okabe, T. Koshinaka, K. Shinoda, Attentive statistics pooling for deep speaker embedding,
    Interspeech 2018; weights for each channel as in B. Desplanques et al., ECAPA-TDNN, Interspeech 2020.

    Args:
        units: size of the attention's hidden layer.
        kwargs: what `keras.layers.Layer` takes.

    Input:
        [B, T, C].

    Output:
        [B, 2 C]: means, then standard deviations.
    """

    def __init__(self, units: int = 32, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.hidden = keras.layers.Dense(self.units, activation="tanh", dtype=self.dtype_policy, name="hidden")
        self.score = keras.layers.Dense(input_shape[-1], dtype=self.dtype_policy, name="score")
        self.hidden.build(input_shape)
        self.score.build((*input_shape[:-1], self.units))

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        weights = ops.softmax(self.score(self.hidden(inputs)), axis=1)
        return mean_and_deviation(inputs, weights)

    def compute_output_shape(self, input_shape: tuple[int | None, int | None, int]) -> tuple[int | None, int]:
        return (input_shape[0], 2 * input_shape[-1])

    def get_config(self) -> dict[str, object]:
        return {**super().get_config(), "units": self.units}
