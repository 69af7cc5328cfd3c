"""The recurrent nets of He, Ren & He (2019), on frame descriptors and on kernels learnt without labels."""

from collections.abc import Sequence
from typing import Literal, get_args

import keras

from ser_keras.common.errors import SerKerasError, nearest
from ser_keras.models.layers.attention import attention_pooling
from ser_keras.models.layers.blocks import class_probabilities
from ser_keras.models.layers.mean_and_variance import MeanAndVariance
from ser_keras.models.layers.pca import Pca
from ser_keras.models.layers.sequence import steps
from ser_keras.models.layers.sparse_autoencoder import Decoder
from ser_keras.models.layers.sparse_kernels import SparseKernels
from ser_keras.models.layers.standardization import Standardization
from ser_keras.models.layers.unrolling_lstm import UnrollingLSTM

Pooling = Literal["last", "attention"]
POOLINGS: tuple[Pooling, ...] = get_args(Pooling)


def he2019_lld_blstm(
    input_shape: tuple[int, ...],
    n_classes: int,
    *,
    hidden: int = 512,
    units: int = 128,
    layers: int = 1,
    pooling: Pooling = "last",
    bidirectional: bool = True,
    dropout: float = 0.5,
    noise: float = 0.1,
    standardise_on: str | None = None,
) -> keras.Model:
    """A ReLU layer on each frame's descriptors, BLSTM over the frames, softmax: the paper's experiment two.

    Reference: X. He, L. Ren, Y. He, Speech Emotion Recognition using Convolutional Neural Networks and Recurrent Neural
    Networks with Attention Model, 2019, section 4.1.

    Args:
        input_shape: (descriptors,) of one frame.
        n_classes: number of classes.
        hidden: units of the ReLU layer.
        units: LSTM cells, of each direction, in each layer.
        layers: LSTM layers.
        pooling: the input of the softmax layer: the LSTM's `last` states, of both directions, or the `attention`'s
            weighted mean of all states.
        bidirectional: whether a second LSTM runs from the last step to the first.
        dropout: share of the units dropped after the ReLU layer and each LSTM layer.
        noise: standard deviation of Gaussian noise on the standardised input, in training.
        standardise_on: the class to whose training frames the descriptors are standardised; None: all.

    Input:
        [features [B, T, *input_shape], present [B, T] bool]; any T. Absent steps follow the present ones and change
        nothing.

    Output:
        [B, n_classes] probabilities, float32.

    Raises:
        SerKerasError: an unknown pooling, or no LSTM layer.
    """
    frame = keras.Input(input_shape, name="frame")
    x = Standardization(subset=standardise_on, name="standardise")(frame)
    x = keras.layers.GaussianNoise(noise, name="noise")(x) if noise else x
    x = keras.layers.Dense(hidden, activation="relu", name="hidden")(x)
    x = keras.layers.Dropout(dropout, name="dropout")(x) if dropout else x
    per_frame = keras.Model(frame, x, name="frame_model")
    return _recurrent(
        per_frame,
        n_classes,
        units=units,
        layers=layers,
        pooling=pooling,
        bidirectional=bidirectional,
        dropout=dropout,
        builder="he2019_lld_blstm",
    )


def he2019_cnn_blstm(
    input_shape: tuple[int, ...],
    n_classes: int,
    *,
    n_components: int = 60,
    kernel_heights: Sequence[int] = (3, 6, 10),
    n_kernels: int = 60,
    pool: int = 2,
    decoder: Decoder = "sigmoid",
    sparsity: float = 0.05,
    sparsity_weight: float = 3.0,
    n_patches: int = 100_000,
    kernel_epochs: int = 10,
    kernel_seed: int = 0,
    units: int = 128,
    layers: int = 1,
    pooling: Pooling = "last",
    bidirectional: bool = True,
    dropout: float = 0.5,
    noise: float = 0.1,
) -> keras.Model:
    """Convolution with kernels learnt by sparse auto-encoders on each block of spectrogram, then BLSTM over the blocks.

    A block goes through PCA, kernels of each height (`SparseKernels`: sigmoid, `valid`, frozen) and mean-pooling. The
    block's features are the mean and the variance of each kernel's map. They are standardised by training data: the
    variances are of the order .01, below the noise of .1 on the input.

    Reference: X. He, L. Ren, Y. He, Speech Emotion Recognition using Convolutional Neural Networks and Recurrent Neural
    Networks with Attention Model, 2019, section 3; experiment three by default, experiment four with `layers=2`,
    `units=30`, `pooling="attention"`.

    Args:
        input_shape: (frames, bins) or (frames, bins, 1) of one block.
        n_classes: number of classes.
        n_components: principal components of a frame.
        kernel_heights: heights of the kernels in frames.
        n_kernels: kernels of each height.
        pool: steps of a kernel's map that are joined by their mean.
        decoder, sparsity, sparsity_weight, n_patches: of the auto-encoders, see `SparseKernels`.
        kernel_epochs: how often an auto-encoder sees each patch.
        kernel_seed: of the auto-encoders.
        units, layers, pooling, bidirectional: see `he2019_lld_blstm`.
        dropout: share of the units dropped after the convolutional stage and each LSTM layer.
        noise: standard deviation of Gaussian noise on the BLSTM's input, in training.

    Input:
        As `he2019_lld_blstm`; a step is a block.

    Output:
        [B, n_classes] probabilities, float32.

    Raises:
        SerKerasError: an unknown pooling, no LSTM layer, or kernels that do not fit a block.
    """
    block = keras.Input(input_shape, name="block")
    x = block
    if len(input_shape) == 3:
        # Half precision is for what the principal components leave.
        x = keras.layers.Reshape(input_shape[:2], dtype="float32", name="one_channel")(x)
    x = Pca(n_components, name="pca")(x)
    statistics = []
    for height in kernel_heights:
        y = SparseKernels(
            n_kernels,
            height,
            decoder=decoder,
            sparsity=sparsity,
            sparsity_weight=sparsity_weight,
            n_patches=n_patches,
            epochs=kernel_epochs,
            seed=kernel_seed,
            name=f"kernels{height}",
        )(x)
        if y.shape[1] < pool:
            raise SerKerasError(
                f"he2019_cnn_blstm: kernels of {height} frames leave {y.shape[1]} positions of a block of "
                f"{input_shape[0]} frames, and pool is {pool}; make window_s longer"
            )
        y = keras.layers.AveragePooling1D(pool, name=f"pool{height}")(y)
        statistics.append(MeanAndVariance(name=f"statistics{height}")(y))
    x = keras.layers.Concatenate(name="features")(statistics) if len(statistics) > 1 else statistics[0]
    x = Standardization(name="standardise")(x)
    x = keras.layers.GaussianNoise(noise, name="noise")(x) if noise else x
    x = keras.layers.Dropout(dropout, name="dropout")(x) if dropout else x
    per_block = keras.Model(block, x, name="block_model")
    return _recurrent(
        per_block,
        n_classes,
        units=units,
        layers=layers,
        pooling=pooling,
        bidirectional=bidirectional,
        dropout=dropout,
        builder="he2019_cnn_blstm",
    )


def _uniform() -> keras.initializers.Initializer:
    """Section 4.1: "randomly initialized from -0.1 to 0.1". A new one for each weight, since each has one seed."""
    return keras.initializers.RandomUniform(-0.1, 0.1)


def _recurrent(
    per_step: keras.Model,
    n_classes: int,
    *,
    units: int,
    layers: int,
    pooling: Pooling,
    bidirectional: bool,
    dropout: float,
    builder: str,
) -> keras.Model:
    """A model of one step, [B, *shape] to [B, D], in front of LSTM layers, pooling and softmax."""
    if pooling not in POOLINGS:
        raise SerKerasError(f"{builder}: pooling is '{pooling}'; nearest: {nearest(pooling, POOLINGS)}")
    if layers < 1:
        raise SerKerasError(f"{builder}: layers is {layers}; it must be at least 1")
    features, present, x = steps(per_step)
    for i in range(1, layers + 1):
        sequences = i < layers or pooling == "attention"
        lstm = UnrollingLSTM(
            units,
            return_sequences=sequences,
            kernel_initializer=_uniform(),
            recurrent_initializer=_uniform(),
            name=f"lstm{i}",
        )
        # A masked step keeps the state, in either direction.
        x = (keras.layers.Bidirectional(lstm, name=f"bidirectional{i}") if bidirectional else lstm)(x, mask=present)
        x = keras.layers.Dropout(dropout, name=f"dropout{i}")(x) if dropout else x
    x = attention_pooling(x, present, _uniform()) if pooling == "attention" else x
    return keras.Model([features, present], class_probabilities(x, n_classes), name="classifier")
