"""Layers of sequence classifiers, which see all chunks (windows) of an utterance in order."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("ser_keras")
class PerChunk(keras.layers.Layer):
    """A model of one chunk, applied to every chunk of a sequence at once.

    `keras.layers.TimeDistributed` loops over the chunks instead. Layers that adapt to training data belong into this
    model: `adapt_model` then adapts them to single chunks, so that padding takes no part.

    Args:
        model: functional `keras.Model`, [B, *shape] -> [B, ...].
        kwargs: what `keras.layers.Layer` takes.

    Input:
        [B, T, *shape].

    Output:
        [B, T, ...].
    """

    def __init__(self, model, **kwargs):
        # Under mixed precision the model's own layers decide what half precision may hold.
        super().__init__(autocast=False, **kwargs)
        self.model = model

    def call(self, inputs, training=None):
        shape = ops.shape(inputs)
        y = self.model(ops.reshape(inputs, (-1, *inputs.shape[2:])), training=training)
        return ops.reshape(y, (*shape[:2], *y.shape[1:]))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:2], *self.model.output_shape[1:])

    def get_config(self):
        return {**super().get_config(), "model": keras.saving.serialize_keras_object(self.model)}

    @classmethod
    def from_config(cls, config):
        return cls(keras.saving.deserialize_keras_object(config.pop("model")), **config)


@keras.saving.register_keras_serializable("ser_keras")
class UnrollingLSTM(keras.layers.LSTM):
    """`keras.layers.LSTM` whose steps stand one behind the other, without a loop, in a graph of known batch and length.

    That is the exported graph: the quantiser reads no TFLite file with a loop (and would leave its kernels float). Any
    other graph keeps the loop, since sequences may be long and their lengths many.

    Within `Bidirectional`, Keras turns `zero_output_for_mask` on, which unrolled backward steps apply in forward order:
    it zeroes outputs of steps that are present (3.15, TensorFlow). Here it stays off: what absent steps put out is
    masked by every later layer.
    """

    def inner_loop(self, sequences, initial_state, mask, training=False):
        kept = self.unroll, self.zero_output_for_mask
        self.unroll = self.unroll or (not training and None not in sequences.shape[:2])
        self.zero_output_for_mask = False
        try:
            return super().inner_loop(sequences, initial_state, mask, training)
        finally:
            self.unroll, self.zero_output_for_mask = kept


def takes_sequences(classifier):
    """Whether a classifier takes `[features [B, T, ...], present [B, T]]` rather than one window's features."""
    return len(classifier.inputs) == 2
