"""The nets of Anand & Verma (2015) that see faces: dense ones on a frame, and the whole of its figure 1."""

import math
import os
from collections.abc import Sequence

import keras
from keras import ops

from ser_keras.common.errors import SerKerasError
from ser_keras.features.extractor import JoinedShape
from ser_keras.models.layers.blocks import Pool, convolved, fully_connected, l2_regularizer, minus_training_mean
from ser_keras.models.layers.picture_nets import SMALL, PictureNet, picture_vector
from ser_keras.models.layers.sequence import recurrent
from ser_keras.models.layers.standardization import Standardization


def anand2015_face_dense(
    input_shape: tuple[int, ...],
    n_classes: int,
    *,
    hidden: Sequence[int] = (),
    dropout: float = 0.0,
    l2: float = 1e-4,
    scale: bool = False,
) -> keras.Model:
    """Fully connected nets on one frame: without hidden layers softmax regression, with one the two-layer net.

    The training mean picture is subtracted first (`Standardization`).

    Reference: N. Anand, P. Verma, Convoluting Feelings, Stanford CS231n 2015, section 3.2, table 5.

    Args:
        input_shape: (rows, columns, channels) of a frame.
        n_classes: number of classes.
        hidden: units of each hidden layer.
        dropout: share of the units dropped after each of these.
        l2: weight of the squared kernels in the loss.
        scale: whether to divide each pixel by its training standard deviation too.

    Input:
        [B, *input_shape], in [0, 1].

    Output:
        [B, n_classes] probabilities, float32.
    """
    inputs = keras.Input(input_shape, name="features")
    axes = tuple(range(1, len(input_shape) + 1))
    x = Standardization(axis=axes, scale=scale, name="minus_training_mean")(inputs)
    return fully_connected(inputs, x, n_classes, hidden=hidden, dropout=dropout, l2=l2)


def anand2015_audio_visual(
    input_shape: tuple[int, ...],
    n_classes: int,
    *,
    filters: Sequence[int] = (1024,),
    kernel: tuple[int, int] = (64, 5),
    hidden: int = 64,
    leaky_slope: float = 0.0,
    pool: Pool = "flatten",
    replace_anomalous: float | None = None,
    face_net: PictureNet = SMALL,
    face_weights: str | os.PathLike[str] | None = None,
    face_filters: Sequence[int] = (32, 64, 128),
    face_hidden: int = 64,
    units: int = 128,
    dropout: float = 0.5,
    bidirectional: bool = False,
    l2: float = 1e-4,
) -> keras.Model:
    """Each chunk's sound through R1's trunk and its frame through a net of pictures, side by side into an LSTM.

    One model, trained whole. The training mean of each frequency and channel, and the training mean picture (of
    `small`, `alexnet` and `caffenet`), are subtracted first.

    Reference: N. Anand, P. Verma, Convoluting Feelings, Stanford CS231n 2015, figure 1 and section 5 ("a model like the
    one pictured in Figure 1 - where feature extraction and context learning from both audio and visual cues are united
    into a single model"), future work there: sizes are ours.

    Args:
        input_shape: a `JoinedShape` of a chunk's sound (frequency, time, channels) and frame (rows, columns,
            channels).
        n_classes: number of classes.
        filters, kernel, hidden, leaky_slope, pool, replace_anomalous: of the sound; see `anand2015_cnn`. R1's.
        face_net, face_weights, face_filters, face_hidden: of the frames; see `layers.picture_nets.picture_vector`.
        units: LSTM cells, of each direction.
        dropout: share of the units dropped before each of the two hidden layers, and of the LSTM's last output.
        bidirectional: see `anand2015_lstm`.
        l2: weight of the squared kernels in the loss, but those of pre-trained nets.

    Input:
        [features [B, T, n], present [B, T] bool]; any T. n joins sound and frame, each flattened.

    Output:
        [B, n_classes] probabilities, float32.

    Raises:
        SerKerasError: features that do not join sound and pictures, a kernel that does not fit, an unknown net or pool,
            or weights that cannot be had.
    """
    builder, regularizer = "anand2015_audio_visual", l2_regularizer(l2)
    if not isinstance(input_shape, JoinedShape):
        raise SerKerasError(f"{builder} takes sound joined with pictures: set frontend.name=audio_visual")
    sound_shape, face_shape = input_shape.parts
    if len(sound_shape) != 3:
        raise SerKerasError(f"{builder}: a sound of shape {sound_shape} is no image; use spectrogram_pair")
    chunk = keras.Input((input_shape.size,), name="chunk")
    # Operations, not layers, which half precision would cast before the mean is subtracted.
    sound, face = ops.split(chunk, [math.prod(sound_shape)], axis=-1)
    sound = convolved(
        minus_training_mean(ops.reshape(sound, (-1, *sound_shape)), replace_anomalous),
        filters=filters,
        kernel=kernel,
        hidden=hidden,
        dropout=dropout,
        leaky_slope=leaky_slope,
        pool=pool,
        regularizer=regularizer,
        builder=builder,
    )
    face = picture_vector(
        ops.reshape(face, (-1, *face_shape)),
        net=face_net,
        weights=face_weights,
        filters=face_filters,
        hidden=face_hidden,
        dropout=dropout,
        regularizer=regularizer,
        builder=builder,
    )
    joined = keras.layers.Concatenate(name="joined")([sound, face])
    per_chunk = keras.Model(chunk, joined, name="chunk_model")
    return recurrent(
        per_chunk, n_classes, units=units, dropout=dropout, bidirectional=bidirectional, regularizer=regularizer
    )
