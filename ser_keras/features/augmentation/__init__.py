"""Augmentation of the training part: what is drawn (`draws`), on spectra (`spectra`), on waveforms (`waveform`)."""
