"""Attention over the steps of a sequence."""

import keras
from keras import ops

from ser_keras.common.errors import SerKerasError

WEIGHTS = "attention_weights"
ABSENT = -1e9  # score of a step that isn't there; its weight is 0 in float32


@keras.saving.register_keras_serializable("ser_keras")
class AttentionWeights(keras.layers.Layer):
    """How much each step of a sequence counts: a_t = softmax_t(theta^T h_t).

    References: S. Mirsamadi, E. Barsoum, C. Zhang, Automatic Speech Emotion Recognition Using Recurrent Neural Networks
    with Local Attention, ICASSP 2017, section 3; X. He, L. Ren, Y. He 2019, section 3.2, equation 13.

    Args:
        initializer: of theta.
        kwargs: what `keras.layers.Layer` takes. The layer computes in float32 whatever the global policy.

    Input:
        h [B, T, D], present [B, T] bool.

    Output:
        [B, T] float32, each row of sum 1; 0 where a step isn't present.
    """

    def __init__(self, initializer="glorot_uniform", **kwargs):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.initializer = keras.initializers.get(initializer)
        # Keras attaches the recurrent layers' mask to h; `present` says the same.
        self.supports_masking = True

    def build(self, inputs_shape, present_shape):
        self.theta = self.add_weight(shape=(inputs_shape[-1], 1), initializer=self.initializer, name="theta")

    def call(self, inputs, present):
        scores = ops.squeeze(ops.matmul(inputs, self.theta), -1)
        return ops.softmax(ops.where(present, scores, ABSENT), axis=1)

    def compute_mask(self, inputs, mask=None):
        return None

    def compute_output_shape(self, inputs_shape, present_shape):
        return tuple(inputs_shape[:2])

    def get_config(self):
        return {**super().get_config(), "initializer": keras.initializers.serialize(self.initializer)}


def attention_pooling(h, present, initializer="glorot_uniform"):
    """y = sum_t a_t h_t (equation 12): symbolic h [B, T, D] and present [B, T] to [B, D]."""
    weights = AttentionWeights(initializer, name=WEIGHTS)(h, present)
    return keras.layers.Dot(axes=1, name="attention_pooling")([weights, h])


def attention_weights(model):
    """The attention of a sequence classifier, to look at.

    Args:
        model: sequence classifier with `attention_pooling`; its weights are shared, not copied.

    Returns:
        `keras.Model`: what `model` takes to [B, T], how much each step counted.

    Raises:
        SerKerasError: the model has no attention.
    """
    if WEIGHTS not in {layer.name for layer in getattr(model, "layers", ())}:  # a baseline has none
        raise SerKerasError("the model has no attention: train with model.pooling=attention")
    return keras.Model(model.inputs, model.get_layer(WEIGHTS).output, name=WEIGHTS)
