"""Keras layers for anybody's models; importing this module makes every saved `.keras` file loadable.

Keras finds the layers of a `.keras` file by registered names. This module registers all of this package, so that plain
`keras.models.load_model` opens the files of runs and bundles. It imports Keras; `import ser_keras` does not.

- Front ends turn waveforms into features, inside the model: `LogMel`, `LogSpectrogram`, `MFCC`, `SpectrogramImage`,
  `SpectrogramPair`, `Statistics`. Each is called `frontend` unless it is given a `name`, which two in one model need.
- Layers with `adapt` compute their weights from training data, before training: `Standardization`,
  `FrameStandardization`, `Pca`, `ReplaceAnomalies`. `adapt_model` adapts all of a model in order.
- Statistics over time: `MeanAndVariance`, `AttentiveStatistics`, `WeightedStatistics`, `AttentionWeights`.
- `PerChunk` applies a model to every window of a sequence. `UnrollingLSTM` is an LSTM that the TFLite quantiser can
  read.

Example:
    >>> import keras
    >>> from ser_keras import layers
    >>> from ser_keras.runtime.bundle import DEFAULT_MODEL, PRETRAINED
    >>> model = keras.models.load_model(PRETRAINED / DEFAULT_MODEL / "model.keras", compile=False)
    >>> model.input_shape, model.output_shape
    ((None, 64000), (None, 6))
    >>> wave = keras.Input((16000,))
    >>> features = keras.layers.Flatten()(layers.LogMel(n_mels=40)(wave))
    >>> mine = keras.Model(wave, keras.layers.Dense(3, activation="softmax")(features))
    >>> mine.output_shape
    (None, 3)
"""

import ser_keras.models
import ser_keras.models.end_to_end  # noqa: F401 - both register the layers that are not named below
from ser_keras.features.frontends import (
    MFCC,
    LogMel,
    LogSpectrogram,
    SpectrogramImage,
    SpectrogramPair,
    Statistics,
)
from ser_keras.features.frontends.base import FrontEnd
from ser_keras.models.layers.adaptation import adapt_model
from ser_keras.models.layers.anomalies import ReplaceAnomalies
from ser_keras.models.layers.attention import AttentionWeights
from ser_keras.models.layers.attentive_statistics import AttentiveStatistics
from ser_keras.models.layers.frame_standardization import FrameStandardization
from ser_keras.models.layers.mean_and_variance import MeanAndVariance
from ser_keras.models.layers.pca import Pca
from ser_keras.models.layers.per_chunk import PerChunk
from ser_keras.models.layers.standardization import Standardization
from ser_keras.models.layers.unrolling_lstm import UnrollingLSTM
from ser_keras.models.layers.weighted_statistics import WeightedStatistics

__all__ = [
    "MFCC",
    "AttentionWeights",
    "AttentiveStatistics",
    "FrameStandardization",
    "FrontEnd",
    "LogMel",
    "LogSpectrogram",
    "MeanAndVariance",
    "Pca",
    "PerChunk",
    "ReplaceAnomalies",
    "SpectrogramImage",
    "SpectrogramPair",
    "Standardization",
    "Statistics",
    "UnrollingLSTM",
    "WeightedStatistics",
    "adapt_model",
]
