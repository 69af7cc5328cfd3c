"""Front ends in the graph against librosa in a loop: clips a second, after checking that both give the same.

python benchmarks/frontends.py [--threads N] [--clips N] [--repeats N] [--out FILE]

Both sides have the same number of threads, are warmed up, and work through the same clips in turn; medians over the
repeats. The graph is `graphs.feature_function`, as training fills its caches with it.
"""

import argparse
import os
import platform
import sys
import time
from pathlib import Path

import numpy as np

LOG_MEL_CLIP = 48000
# The windows that the recipes declare.
PAIR_CLIP = 8800
IMAGE_CLIP = 16000
LOG_SPECTROGRAM_CLIP = 2560
LOG_MEL_TOLERANCE = 1e-3
# The logarithm of a bin 130 dB below its frame's largest, where float32 ends; one value in 10,000 differs by over 1e-4.
PAIR_TOLERANCE = 1e-2
LOG_SPECTROGRAM_TOLERANCE = 1e-2
IMAGE_TOLERANCE = 1e-3


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1, help="threads of either side (default: %(default)s)")
    parser.add_argument("--clips", type=int, default=64, help="clips in a reading (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=15, help="readings (default: %(default)s)")
    parser.add_argument("--out", type=Path, help="also write the table to this file")
    return parser.parse_args()


def limit_threads(n):
    """Before NumPy, Numba and TensorFlow start theirs; returns the imported modules."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[name] = str(n)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    import librosa
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(n)
    tf.config.threading.set_inter_op_parallelism_threads(n)
    return librosa, tf


def speech_like(n_clips, n_samples, seed=0):
    """Harmonics of a gliding pitch with pauses, and a little noise: [n_clips, n_samples] float32."""
    rng = np.random.default_rng(seed)
    t = np.arange(n_samples) / 16000
    clips = []
    for _ in range(n_clips):
        phase = 2 * np.pi * np.cumsum(rng.uniform(80, 300) * (1 + 0.2 * np.sin(2 * np.pi * 1.5 * t))) / 16000
        voice = sum(np.sin(k * phase) / k for k in range(1, 20))
        loudness = np.maximum(0, np.sin(2 * np.pi * rng.uniform(2, 5) * t + rng.uniform(0, 6)))
        clips.append(0.1 * voice * loudness + 1e-3 * rng.standard_normal(n_samples))
    return np.asarray(clips, np.float32)


def log_mel_by_librosa(librosa, layer):
    half = (layer.n_fft - layer.frame_length) // 2

    def features(clips):
        settings = {"n_fft": layer.n_fft, "hop_length": layer.hop_length, "win_length": layer.frame_length}
        bands = {"n_mels": layer.n_mels, "fmin": layer.f_min, "fmax": layer.f_max}
        powers = (
            librosa.feature.melspectrogram(y=np.pad(clip, half), sr=16000, center=False, **settings, **bands)
            for clip in clips
        )
        return np.stack([np.log(power.T + layer.log_offset)[..., None] for power in powers])

    return features


def pair_by_librosa(librosa, layer):
    # librosa's frames are as long as the FFT, with the window in their middle.
    half = (2048 - 640) // 2

    def channel(clip, length):
        spectrum = librosa.stft(clip, n_fft=2048, hop_length=32, win_length=length, center=False)
        logarithm = np.log(np.abs(spectrum[1:257]) + layer.log_offset)
        n_columns = logarithm.shape[1] // 4
        return logarithm[:, : 4 * n_columns].reshape(64, 4, n_columns, 4).mean(axis=(1, 3))

    def features(clips):
        return np.stack([np.stack([channel(np.pad(c, half), n) for n in (640, 80)], axis=-1) for c in clips])

    return features


def mfcc_by_librosa(librosa, layer):
    log_mel = log_mel_by_librosa(librosa, layer)

    def features(clips):
        logarithms = log_mel(clips)[..., 0].transpose(0, 2, 1)
        return np.stack([librosa.feature.mfcc(S=x, n_mfcc=layer.n_mfcc).T[..., None] for x in logarithms])

    return features


def magnitude_by_librosa(librosa, layer, clip):
    half = (layer.n_fft - layer.frame_length) // 2
    settings = {"n_fft": layer.n_fft, "hop_length": layer.hop_length, "win_length": layer.frame_length}
    return np.abs(librosa.stft(np.pad(clip, half), center=False, **settings))


def log_spectrogram_by_librosa(librosa, layer):
    def features(clips):
        magnitudes = (magnitude_by_librosa(librosa, layer, clip)[1:].T for clip in clips)
        return np.stack([np.log(x + layer.log_offset)[..., None] for x in magnitudes])

    return features


def image_by_librosa(librosa, layer):
    # NumPy's resize with its tables made once: faster than Pillow's, which smooths where it shrinks.
    def places(n):
        place = np.clip((np.arange(layer.size) + 0.5) * n / layer.size - 0.5, 0, n - 1)
        low = np.minimum(place.astype(int), n - 2)
        return low, (place - low).astype(np.float32)

    tables = {n: places(n) for n in (layer.n_fft // 2 + 1, layer.n_frames(IMAGE_CLIP))}

    def resized(rows):
        low, above = tables[len(rows)]
        lower = rows[low]
        return lower + (rows[low + 1] - lower) * above[:, None]

    def image(clip):
        decibels = librosa.amplitude_to_db(
            magnitude_by_librosa(librosa, layer, clip), ref=np.max, top_db=layer.range_db
        )
        grey = resized(resized(1 + decibels / layer.range_db).T).T[..., None]
        return np.clip(1.5 - np.abs(4 * grey - np.float32([3, 2, 1])), 0, 1) if layer.colour else grey

    return lambda clips: np.stack([image(clip) for clip in clips])


def compare(graph, by_librosa, clips, repeats, tolerance):
    """Largest difference, and seconds a clip by librosa and in the graph; medians, in turn."""
    difference = float(np.abs(graph(clips) - by_librosa(clips)).max())
    if not difference <= tolerance:
        sys.exit(f"the two sides differ by {difference:.2g}, more than {tolerance:g}: nothing to time")
    sides, readings = (by_librosa, graph), ([], [])
    for repeat in range(repeats + 2):  # the first two warm up
        for side, seconds in zip(sides, readings, strict=True):
            start = time.perf_counter()
            side(clips)
            if repeat >= 2:
                seconds.append((time.perf_counter() - start) / len(clips))
    return difference, *(float(np.median(seconds)) for seconds in readings)


def show(lines, out):
    """Print a table, and write it to a file where one is named."""
    table = "\n".join(lines) + "\n"
    print(table, end="")
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(table)


def main():
    args = arguments()
    librosa, tf = limit_threads(args.threads)
    import keras

    from ser_keras.features.batched_graph import feature_function
    from ser_keras.features.frontends import MFCC, LogMel, LogSpectrogram, SpectrogramImage, SpectrogramPair
    from ser_keras.runtime.benchmark import machine

    lines = [
        f"{machine()}; {args.threads} thread(s) on either side; TensorFlow {tf.__version__}, "
        f"Keras {keras.__version__}, librosa {librosa.__version__}, NumPy {np.__version__}, Python "
        f"{platform.python_version()}; {args.clips} clips a reading, medians of {args.repeats}, warmed up.",
        "",
        "| front end | clip | features | in the graph, clips/s | librosa in a loop, clips/s | ratio | difference |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, layer, reference, n_samples, tolerance in (
        ("log_mel", LogMel(), log_mel_by_librosa, LOG_MEL_CLIP, LOG_MEL_TOLERANCE),
        ("mfcc", MFCC(), mfcc_by_librosa, LOG_MEL_CLIP, LOG_MEL_TOLERANCE),
        ("spectrogram_pair", SpectrogramPair(), pair_by_librosa, PAIR_CLIP, PAIR_TOLERANCE),
        (
            "log_spectrogram",
            LogSpectrogram(),
            log_spectrogram_by_librosa,
            LOG_SPECTROGRAM_CLIP,
            LOG_SPECTROGRAM_TOLERANCE,
        ),
        ("spectrogram_image", SpectrogramImage(), image_by_librosa, IMAGE_CLIP, IMAGE_TOLERANCE),
        ("spectrogram_image", SpectrogramImage(227, colour=True), image_by_librosa, IMAGE_CLIP, 4 * IMAGE_TOLERANCE),
    ):
        clips = speech_like(args.clips, n_samples)
        graph = feature_function(layer, n_samples)
        difference, slow, fast = compare(graph, reference(librosa, layer), clips, args.repeats, tolerance)
        rates = f"{1 / fast:.0f} | {1 / slow:.0f} | {slow / fast:.1f}"
        shape = " x ".join(str(n) for n in layer.compute_output_shape((None, n_samples))[1:])
        lines.append(f"| `{name}` | {n_samples / 16000:g} s | {shape} | {rates} | {difference:.1e} |")
    show(lines, args.out)


if __name__ == "__main__":
    main()
