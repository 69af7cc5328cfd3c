"""Applies a model of one window to every window of a sequence."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("ser_keras")
class PerChunk(keras.layers.Layer):
    """A model of one chunk (window), applied to every chunk of a sequence at once.

    `keras.layers.TimeDistributed` loops over the chunks instead. Layers that adapt to training data belong into this
    model: `adapt_model` then adapts them to single chunks, so that padding takes no part.

    Args:
        model: functional model, [B, *shape] -> [B, ...].
        kwargs: what `keras.layers.Layer` takes.

    Input:
        [B, T, *shape].

    Output:
        [B, T, ...].
    """

    def __init__(self, model: keras.Model, **kwargs: object) -> None:
        # Under mixed precision the model's own layers decide what half precision may hold.
        super().__init__(autocast=False, **kwargs)
        self.model = model

    def call(self, inputs: keras.KerasTensor, training: bool | None = None) -> keras.KerasTensor:
        shape = ops.shape(inputs)
        y = self.model(ops.reshape(inputs, (-1, *inputs.shape[2:])), training=training)
        return ops.reshape(y, (*shape[:2], *y.shape[1:]))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:2], *self.model.output_shape[1:])

    def get_config(self) -> dict[str, object]:
        return {**super().get_config(), "model": keras.saving.serialize_keras_object(self.model)}

    @classmethod
    def from_config(cls, config: dict[str, object]) -> "PerChunk":
        return cls(keras.saving.deserialize_keras_object(config.pop("model")), **config)
