"""Classifiers: name -> builder of a Keras model, features -> probabilities."""

from ser_keras.models.anand2015 import anand2015_cnn
from ser_keras.models.log_mel_cnn import log_mel_cnn

MODELS = {
    "anand2015_cnn": anand2015_cnn,
    "log_mel_cnn": log_mel_cnn,
}
