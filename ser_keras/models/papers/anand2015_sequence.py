"""The recurrent nets of Anand & Verma (2015), which see an utterance chunk by chunk."""

from collections.abc import Sequence

import keras

from ser_keras.models.layers.blocks import Pool, convolved, l2_regularizer, minus_training_mean
from ser_keras.models.layers.sequence import recurrent


def anand2015_lstm(
    input_shape: tuple[int, ...],
    n_classes: int,
    *,
    units: int = 128,
    dropout: float = 0.5,
    bidirectional: bool = False,
    l2: float = 1e-4,
    replace_anomalous: float | None = None,
) -> keras.Model:
    """LSTM over the chunks of an utterance, each flattened (64 x 64 x 2: 8192 values), softmax at the last step.

    The training mean of each frequency and channel is subtracted first.

    Reference: N. Anand, P. Verma, Convoluting Feelings, Stanford CS231n 2015, section 3.2 (LSTMs); bidirectional is
    what it proposes for batch use. Units, dropout and weight decay are ours: the paper gives none.

    Args:
        input_shape: (frequency, time, channels) of one chunk's features.
        n_classes: number of classes.
        units: LSTM cells, of each direction.
        dropout: share of the LSTM's last output dropped before the softmax layer.
        bidirectional: a second LSTM from the last chunk to the first; the two last states are joined. Such a model
            cannot run online (`step_model`).
        l2: weight of the squared kernels in the loss.
        replace_anomalous: see `anand2015_cnn`.

    Input:
        [features [B, T, *input_shape], present [B, T] bool]; any T. Absent chunks follow the present ones and change
        nothing.

    Output:
        [B, n_classes] probabilities, float32.
    """
    regularizer = l2_regularizer(l2)
    chunk = keras.Input(input_shape, name="chunk")
    x = keras.layers.Flatten(name="flatten")(minus_training_mean(chunk, replace_anomalous))
    per_chunk = keras.Model(chunk, x, name="chunk_model")
    return recurrent(
        per_chunk, n_classes, units=units, dropout=dropout, bidirectional=bidirectional, regularizer=regularizer
    )


def anand2015_cnn_lstm(
    input_shape: tuple[int, ...],
    n_classes: int,
    *,
    filters: Sequence[int] = (1024,),
    kernel: tuple[int, int] = (64, 5),
    hidden: int = 64,
    units: int = 128,
    dropout: float = 0.5,
    bidirectional: bool = False,
    leaky_slope: float = 0.0,
    pool: Pool = "flatten",
    l2: float = 1e-4,
    replace_anomalous: float | None = None,
) -> keras.Model:
    """`anand2015_cnn` up to its hidden layer on each chunk, then an LSTM over the chunks: one model, trained whole.

    Reference: N. Anand, P. Verma, Convoluting Feelings, Stanford CS231n 2015, figure 1 (its audio half) and section 5
    (the "next step").

    Args:
        input_shape: (frequency, time, channels) of one chunk's features.
        n_classes: number of classes.
        filters, kernel, hidden, leaky_slope, pool: see `anand2015_cnn`; R1's by default.
        units: LSTM cells, of each direction.
        dropout: share of the units dropped before the hidden layer, and of the LSTM's last output.
        bidirectional: see `anand2015_lstm`.
        l2: weight of the squared kernels in the loss.
        replace_anomalous: see `anand2015_cnn`.

    Input:
        As `anand2015_lstm`.

    Output:
        [B, n_classes] probabilities, float32.

    Raises:
        SerKerasError: a kernel that does not fit the features, or an unknown pool.
    """
    regularizer = l2_regularizer(l2)
    chunk = keras.Input(input_shape, name="chunk")
    x = convolved(
        minus_training_mean(chunk, replace_anomalous),
        filters=filters,
        kernel=kernel,
        hidden=hidden,
        dropout=dropout,
        leaky_slope=leaky_slope,
        pool=pool,
        regularizer=regularizer,
        builder="anand2015_cnn_lstm",
    )
    per_chunk = keras.Model(chunk, x, name="chunk_model")
    return recurrent(
        per_chunk, n_classes, units=units, dropout=dropout, bidirectional=bidirectional, regularizer=regularizer
    )
