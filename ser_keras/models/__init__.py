"""Classifiers: name -> builder of a Keras model, features -> probabilities."""

from ser_keras.models import corpus_heads  # noqa: F401 - registers its layer
from ser_keras.models.own.log_mel_cnn import log_mel_cnn
from ser_keras.models.own.statistics_cnn import statistics_cnn
from ser_keras.models.own.statistics_head import statistics_head
from ser_keras.models.papers.alexnet import alexnet
from ser_keras.models.papers.anand2015 import anand2015_cnn, anand2015_dense
from ser_keras.models.papers.anand2015_faces import anand2015_audio_visual, anand2015_face_dense
from ser_keras.models.papers.anand2015_sequence import anand2015_cnn_lstm, anand2015_lstm
from ser_keras.models.papers.badshah2017 import badshah2017_cnn
from ser_keras.models.papers.he2019 import he2019_cnn_blstm, he2019_lld_blstm
from ser_keras.models.papers.huang2014 import huang2014_features, huang2014_semi_cnn
from ser_keras.models.papers.image_nets import keras_application
from ser_keras.models.papers.neumann2016 import neumann2016_cnn

MODELS = {
    "alexnet": alexnet,
    "anand2015_cnn": anand2015_cnn,
    "anand2015_dense": anand2015_dense,
    "anand2015_face_dense": anand2015_face_dense,
    "anand2015_audio_visual": anand2015_audio_visual,
    "anand2015_lstm": anand2015_lstm,
    "anand2015_cnn_lstm": anand2015_cnn_lstm,
    "badshah2017_cnn": badshah2017_cnn,
    "he2019_lld_blstm": he2019_lld_blstm,
    "he2019_cnn_blstm": he2019_cnn_blstm,
    "huang2014_features": huang2014_features,
    "huang2014_semi_cnn": huang2014_semi_cnn,
    "keras_application": keras_application,
    "log_mel_cnn": log_mel_cnn,
    "neumann2016_cnn": neumann2016_cnn,
    "statistics_cnn": statistics_cnn,
    "statistics_head": statistics_head,
}
