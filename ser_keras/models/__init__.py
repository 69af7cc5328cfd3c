"""Classifiers: name -> builder of a Keras model, features -> probabilities."""

from __future__ import annotations

from collections.abc import Callable

import keras

from ser_keras.common.plugins import Registry
from ser_keras.models import corpus_heads  # noqa: F401 - registers its layer
from ser_keras.models.model_kind import declare
from ser_keras.models.own.log_mel_cnn import log_mel_cnn
from ser_keras.models.own.statistics_cnn import statistics_cnn
from ser_keras.models.own.statistics_head import statistics_head
from ser_keras.models.own.statistics_mlp import statistics_mlp
from ser_keras.models.papers.alexnet import alexnet
from ser_keras.models.papers.anand2015 import anand2015_cnn, anand2015_dense
from ser_keras.models.papers.anand2015_faces import anand2015_audio_visual, anand2015_face_dense
from ser_keras.models.papers.anand2015_sequence import anand2015_cnn_lstm, anand2015_lstm
from ser_keras.models.papers.badshah2017 import badshah2017_cnn
from ser_keras.models.papers.he2019 import he2019_cnn_blstm, he2019_lld_blstm
from ser_keras.models.papers.huang2014 import huang2014_features, huang2014_semi_cnn
from ser_keras.models.papers.image_nets import keras_application
from ser_keras.models.papers.neumann2016 import neumann2016_cnn

_SHIPPED: dict[str, Callable[..., keras.Model]] = {
    "alexnet": declare(alexnet, takes="window"),
    "anand2015_cnn": declare(anand2015_cnn, takes="window"),
    "anand2015_dense": declare(anand2015_dense, takes="window"),
    "anand2015_face_dense": declare(anand2015_face_dense, takes="window"),
    "anand2015_audio_visual": declare(anand2015_audio_visual, takes="sequence"),
    "anand2015_lstm": declare(anand2015_lstm, takes="sequence"),
    "anand2015_cnn_lstm": declare(anand2015_cnn_lstm, takes="sequence"),
    "badshah2017_cnn": declare(badshah2017_cnn, takes="window"),
    "he2019_lld_blstm": declare(he2019_lld_blstm, takes="sequence"),
    "he2019_cnn_blstm": declare(he2019_cnn_blstm, takes="sequence"),
    "huang2014_features": declare(huang2014_features, takes="window"),
    "huang2014_semi_cnn": declare(huang2014_semi_cnn, takes="window", semi_supervised=True),
    "keras_application": declare(keras_application, takes="window"),
    "log_mel_cnn": declare(log_mel_cnn, takes="window"),
    "neumann2016_cnn": declare(neumann2016_cnn, takes="window"),
    "statistics_cnn": declare(statistics_cnn, takes="window"),
    "statistics_head": declare(statistics_head, takes="window"),
    "statistics_mlp": declare(statistics_mlp, takes="window"),
}
MODELS: Registry[Callable[..., keras.Model]] = Registry(
    _SHIPPED,
    kind="model",
    group="ser_keras.models",
    check=callable,
    expected="a function (input_shape, n_classes, **settings) that gives a keras.Model of features",
)
"""One's own builders are plain functions; `model_kind.declare` says what their models take."""
