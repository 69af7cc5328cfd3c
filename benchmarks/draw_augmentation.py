"""The picture of docs/augmentation.md: the log-mel spectrogram of one generated utterance and of each change to it.

python benchmarks/draw_augmentation.py --out docs/images/augmentation.png

Rows show what the spectrum path and the waveform path make of the same draw; masks and mixup exist on spectra alone,
and what a recorder does is the same on both.
"""

import argparse
import dataclasses
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
sys.path.insert(0, str(Path(__file__).parents[1]))  # for the generator of the tests

import matplotlib

matplotlib.use("Agg")

import keras
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

from ser_keras.audio.samples import SAMPLE_RATE
from ser_keras.features.augmentation import draws, waveform
from ser_keras.features.augmentation.spectra import SpectralAugmentation
from ser_keras.features.frontends import LogMel
from ser_keras.features.frontends.log_mel import mel_matrix
from tests.augmentation_paths import utterance

WINDOW = 24000
BANDS = (0, 16, 32, 48, 63)
LOUDEST, QUIETEST = 0, -60  # dB from the unchanged window's maximum
EQUALISER = (6, -6, 3, 9, -9, -3, 8, -6)  # dB
CHANGES = (
    ("unchanged", {}),
    ("pitch +3 semitones", {"pitch": 3}),
    ("pitch −3 semitones", {"pitch": -3}),
    ("rate 1.25: faster", {"rate": 1.25}),
    ("rate 0.8: slower", {"rate": 0.8}),
    ("gain −15 dB", {"gain_db": -15}),
    ("noise at an SNR of 10 dB", {"snr_db": 10}),
    ("equaliser, up to ±9 dB", {"equaliser": EQUALISER}),
)
ON_SPECTRA = (
    ("2 time masks", {"time_masks": [[0.3, 0.1], [0.95, 0.15]]}),
    ("2 frequency masks", {"frequency_masks": [[600, 300], [2500, 800]]}),
)


RECORDED = (
    ("band of 300 to 3400 Hz", {"band": [300, 3400]}),
    ("room of 0.5 s, direct sound +0 dB", {"room": [0.5, 0], "noise_seed": [1, 2]}),
    ("overdriven by 20 dB", {"overdrive_db": 20}),
    ("snippet of 0.6 s", {"snippet": [0.6, 0.5]}),
)


def drawn(values):
    """Draws of one window in which `values` are changed."""
    plain = draws.Draws.unchanged(1)
    arrays = {name: np.asarray([value], getattr(plain, name).dtype) for name, value in values.items()}
    return dataclasses.replace(plain, **arrays)


def decibels(features):
    """[1, T, bands, 1] natural logarithms of power to [bands, T] dB."""
    return keras.ops.convert_to_numpy(features)[0, :, :, 0].T * 10 / np.log(10)


def by_spectrum(augment, source, values):
    recorded = waveform.recorded_so(source[np.newaxis, : augment.source_samples], drawn(values))
    return decibels(augment(recorded, drawn(values).as_dict()))


def by_waveform(front_end, source, values):
    changed = waveform.change(source, window_samples=WINDOW, **values)
    return decibels(front_end(changed[np.newaxis]))


def show(axis, picture, title, loudest, front_end):
    seconds = WINDOW / SAMPLE_RATE
    image = axis.imshow(
        picture - loudest,
        origin="lower",
        aspect="auto",
        vmin=QUIETEST,
        vmax=LOUDEST,
        cmap="magma",
        extent=(0, seconds, -0.5, len(picture) - 0.5),
    )
    bands = mel_matrix(front_end.n_mels, front_end.n_fft, f_min=front_end.f_min, f_max=front_end.f_max)
    centres = front_end.bin_hz @ bands / bands.sum(axis=0)
    axis.set_yticks(BANDS, [f"{centres[b]:.0f}" for b in BANDS])
    axis.set_title(title, fontsize=10, loc="left")
    axis.tick_params(labelsize=8)
    return image


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("docs/images/augmentation.png"))
    parser.add_argument("--seed", type=int, default=4, help="of the utterance (default: %(default)s)")
    args = parser.parse_args()

    front_end = LogMel()
    augment = SpectralAugmentation(front_end, WINDOW, rates=(0.8, 1.25), pitches=(-3, 3))
    needed = max(augment.source_samples, round(1.25 * WINDOW) + waveform.BLOCK)
    source = utterance(args.seed, seconds=2.4, fricatives=True)[:needed]
    unchanged = by_spectrum(augment, source, {})
    loudest = unchanged.max()

    figure, axes = plt.subplots(6, 4, figsize=(13, 14), sharex=True, sharey=True, dpi=80, layout="constrained")
    for i, (title, values) in enumerate(CHANGES):
        row, column = divmod(i, 4)
        top, bottom = axes[2 * row, column], axes[2 * row + 1, column]
        image = show(top, by_spectrum(augment, source, values), f"{title}, spectrum", loudest, front_end)
        show(bottom, by_waveform(front_end, source, values), f"{title}, waveform", loudest, front_end)
    spectral = [(title, by_spectrum(augment, source, values)) for title, values in ON_SPECTRA]
    partner = by_spectrum(augment, utterance(args.seed + 1, seconds=2.4)[:needed], {})
    mixed = 0.7 * unchanged + 0.3 * partner
    spectral += [("another window, for mixup", partner), ("mixup: 0.7 unchanged + 0.3 other", mixed)]
    spectral += [(title, by_spectrum(augment, source, values)) for title, values in RECORDED]
    for axis, (title, picture) in zip(axes[4:].flat, spectral, strict=True):
        show(axis, picture, title, loudest, front_end)
    for axis in axes[-1]:
        axis.set_xlabel("time in the window, s", fontsize=9)
    for axis in axes[:, 0]:
        axis.set_ylabel("band's centre, Hz", fontsize=9)
    figure.colorbar(image, ax=axes, label="dB from the unchanged maximum", shrink=0.3, aspect=30, pad=0.01)
    figure.canvas.draw()
    drawing = Image.fromarray(np.asarray(figure.canvas.buffer_rgba())).convert("RGB")
    args.out.parent.mkdir(parents=True, exist_ok=True)
    drawing.quantize(96).save(args.out, optimize=True)  # noise doesn't compress: a third of the bytes
    print(args.out)


if __name__ == "__main__":
    main()
