"""Classifiers: name -> builder of a Keras model, features -> probabilities."""

from ser_keras.models.anand2015 import anand2015_cnn, anand2015_dense
from ser_keras.models.anand2015_sequence import anand2015_cnn_lstm, anand2015_lstm
from ser_keras.models.log_mel_cnn import log_mel_cnn

MODELS = {
    "anand2015_cnn": anand2015_cnn,
    "anand2015_dense": anand2015_dense,
    "anand2015_lstm": anand2015_lstm,
    "anand2015_cnn_lstm": anand2015_cnn_lstm,
    "log_mel_cnn": log_mel_cnn,
}
