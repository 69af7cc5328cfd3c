"""An LSTM without a loop in exported graphs."""

import keras


@keras.saving.register_keras_serializable("ser_keras")
class UnrollingLSTM(keras.layers.LSTM):
    """`keras.layers.LSTM` that is unrolled in a graph of known batch and length.

    That is the exported graph: the quantiser reads no TFLite file with a loop (and would leave its kernels float). Any
    other graph keeps the loop, since sequences may be long and their lengths many.

    Within `Bidirectional`, Keras turns `zero_output_for_mask` on, which unrolled backward steps apply in forward order:
    it zeroes outputs of steps that are present (3.15, TensorFlow). Here it stays off: every later layer masks the
    outputs of absent steps.
    """

    unroll: bool
    zero_output_for_mask: bool

    def inner_loop(
        self,
        sequences: keras.KerasTensor,
        initial_state: list[keras.KerasTensor],
        mask: keras.KerasTensor | None,
        training: bool = False,
    ) -> tuple[keras.KerasTensor, keras.KerasTensor, list[keras.KerasTensor]]:
        settings = self.unroll, self.zero_output_for_mask
        self.unroll = self.unroll or (not training and None not in sequences.shape[:2])
        self.zero_output_for_mask = False
        try:
            return super().inner_loop(sequences, initial_state, mask, training)
        finally:
            self.unroll, self.zero_output_for_mask = settings
