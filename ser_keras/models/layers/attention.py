"""Attention over the steps of a sequence."""

import keras
from keras import ops

from ser_keras.common.errors import SerKerasError

WEIGHTS = "attention_weights"
ABSENT = -1e9  # score of an absent step; its weight is 0 in float32


@keras.saving.register_keras_serializable("ser_keras")
class AttentionWeights(keras.layers.Layer):
    """The weight of each step of a sequence: a_t = softmax_t(theta^T h_t).

    References: S. Mirsamadi, E. Barsoum, C. Zhang, Automatic Speech Emotion Recognition Using Recurrent Neural Networks
    with Local Attention, ICASSP 2017, section 3; X. He, L. Ren, Y. He 2019, section 3.2, equation 13.

    Args:
        initializer: of theta.
        kwargs: what `keras.layers.Layer` takes. The layer computes in float32 whatever the global policy.

    Input:
        h [B, T, D], present [B, T] bool.

    Output:
        [B, T] float32, each row of sum 1; 0 where a step is not present.
    """

    def __init__(self, initializer: str | keras.initializers.Initializer = "glorot_uniform", **kwargs: object) -> None:
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.initializer = keras.initializers.get(initializer)
        # Keras attaches the recurrent layers' mask to h; `present` says the same.
        self.supports_masking = True

    def build(self, inputs_shape: tuple[int | None, ...], present_shape: tuple[int | None, ...]) -> None:
        self.theta = self.add_weight(shape=(inputs_shape[-1], 1), initializer=self.initializer, name="theta")

    def call(self, inputs: keras.KerasTensor, present: keras.KerasTensor) -> keras.KerasTensor:
        scores = ops.squeeze(ops.matmul(inputs, self.theta), -1)
        return ops.softmax(ops.where(present, scores, ABSENT), axis=1)

    def compute_mask(self, inputs: keras.KerasTensor, mask: keras.KerasTensor | None = None) -> None:
        return None

    def compute_output_shape(
        self, inputs_shape: tuple[int | None, ...], present_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        return tuple(inputs_shape[:2])

    def get_config(self) -> dict[str, object]:
        return {**super().get_config(), "initializer": keras.initializers.serialize(self.initializer)}


def attention_pooling(
    h: keras.KerasTensor,
    present: keras.KerasTensor,
    initializer: str | keras.initializers.Initializer = "glorot_uniform",
) -> keras.KerasTensor:
    """y = sum_t a_t h_t (equation 12): symbolic h [B, T, D] and present [B, T] to [B, D]."""
    weights = AttentionWeights(initializer, name=WEIGHTS)(h, present)
    return keras.layers.Dot(axes=1, name="attention_pooling")([weights, h])


def attention_weights(model: keras.Model) -> keras.Model:
    """A model of a sequence classifier's attention weights, to look at.

    Args:
        model: sequence classifier with `attention_pooling`; its weights are shared, not copied.

    Returns:
        A model that takes the inputs of `model` and gives [B, T], the weight of each step.

    Raises:
        SerKerasError: the model has no attention.
    """
    if WEIGHTS not in {layer.name for layer in getattr(model, "layers", ())}:  # a baseline has none
        raise SerKerasError("the model has no attention: train with model.pooling=attention")
    return keras.Model(model.inputs, model.get_layer(WEIGHTS).output, name=WEIGHTS)
