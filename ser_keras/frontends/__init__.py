"""Front ends: name -> Keras layer, waveform -> features."""

from ser_keras.frontends.log_mel import LogMel
from ser_keras.frontends.spectrogram_pair import SpectrogramPair

FRONT_ENDS = {
    "log_mel": LogMel,
    "spectrogram_pair": SpectrogramPair,
}
