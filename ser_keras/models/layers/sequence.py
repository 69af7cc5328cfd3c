"""Blocks of sequence classifiers, which see all windows of an utterance in order."""

import keras

from ser_keras.models.layers.blocks import class_probabilities
from ser_keras.models.layers.per_chunk import PerChunk
from ser_keras.models.layers.unrolling_lstm import UnrollingLSTM


def steps(per_step: keras.Model) -> tuple[keras.KerasTensor, keras.KerasTensor, keras.KerasTensor]:
    """The inputs of a sequence classifier, and what a model of one step makes of every step.

    Args:
        per_step: model of one step (a window or a frame), [B, *shape] to [B, D].

    Returns:
        features [B, T, *shape], present [B, T] bool, and the model's outputs [B, T, D]; any T.
    """
    features = keras.Input((None, *per_step.input_shape[1:]), name="features")
    present = keras.Input((None,), dtype="bool", name="present")
    return features, present, PerChunk(per_step, name="per_chunk")(features)


def recurrent(
    per_chunk: keras.Model,
    n_classes: int,
    *,
    units: int,
    dropout: float,
    bidirectional: bool,
    regularizer: keras.regularizers.Regularizer | None,
) -> keras.Model:
    """A sequence classifier: a model of one chunk, an LSTM over the chunks, softmax.

    Args:
        per_chunk: model of one chunk, [B, *shape] to [B, D].
        n_classes: number of classes.
        units: LSTM cells, of each direction.
        dropout: share of the LSTM's last output dropped.
        bidirectional: whether a second LSTM runs from the last chunk to the first.
        regularizer: of all kernels here.

    Returns:
        A model of [features [B, T, *shape], present [B, T] bool], which gives [B, n_classes] probabilities.
    """
    features, present, x = steps(per_chunk)
    lstm = UnrollingLSTM(units, kernel_regularizer=regularizer, recurrent_regularizer=regularizer, name="lstm")
    if bidirectional:
        lstm = keras.layers.Bidirectional(lstm, name="bidirectional")
    # A masked step keeps the state, in either direction.
    x = lstm(x, mask=present)
    x = keras.layers.Dropout(dropout, name="dropout")(x) if dropout else x
    return keras.Model([features, present], class_probabilities(x, n_classes, regularizer), name="classifier")


def takes_sequences(classifier: keras.Model) -> bool:
    """Whether a classifier takes `[features [B, T, ...], present [B, T]]` rather than one window's features."""
    return len(classifier.inputs) == 2
