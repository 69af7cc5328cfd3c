"""Front ends: name -> Keras layer, waveform -> features."""

from ser_keras.features.frontends.base import FrontEnd
from ser_keras.features.frontends.log_mel import LogMel
from ser_keras.features.frontends.log_spectrogram import LogSpectrogram
from ser_keras.features.frontends.mfcc import MFCC
from ser_keras.features.frontends.spectrogram_image import SpectrogramImage
from ser_keras.features.frontends.spectrogram_pair import SpectrogramPair
from ser_keras.features.frontends.statistics import Statistics

FRONT_ENDS: dict[str, type[FrontEnd]] = {
    "log_mel": LogMel,
    "log_spectrogram": LogSpectrogram,
    "mfcc": MFCC,
    "spectrogram_image": SpectrogramImage,
    "spectrogram_pair": SpectrogramPair,
    "statistics": Statistics,
}
