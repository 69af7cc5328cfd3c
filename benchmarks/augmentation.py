"""Pitch and tempo on spectra against librosa.effects, both inside a tf.data map: clips a second.

python benchmarks/augmentation.py [--threads N] [--clips N] [--batch N] [--repeats N] [--out FILE]

Before anything is timed, both sides change a vowel, and their features are compared with those of a vowel made with
that pitch and tempo from the start. Then the same clips with the same draws (-2 to 2 semitones, tempo .9 to 1.1) go
through, in turn, with the same number of threads, warmed up; medians over the repeats:

- librosa: `librosa.effects.pitch_shift` and `time_stretch` with their defaults, clip by clip, in `tf.numpy_function`;
- librosa whole: the same, then the front end;
- front end: the front end alone;
- ours whole: `SpectralAugmentation`, front end included. Ours alone is what it takes beyond the front end: the median
  of differences of neighbouring readings, which says something on a quiet machine alone.
"""

import argparse
import platform
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.frontends import limit_threads, show, speech_like

RANGES = {"pitch": [-2.0, 2.0], "rate": [0.9, 1.1]}
POINTS = ((2.0, 0.9), (-2.0, 1.1), (2.0, 1.1), (-2.0, 0.9))
TOLERANCE_DB = (
    1.5  # mean over features within 45 dB of the largest; they are 5 to 12 dB from those of the vowel as it was
)
PAIRS = 4  # readings of the front end and of ours for each of librosa's
CLIPS = (("log_mel", 48000), ("spectrogram_pair", 48000), ("spectrogram_pair", 8800))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1, help="threads of either side (default: %(default)s)")
    parser.add_argument("--clips", type=int, default=32, help="clips in a reading (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=8, help="clips in a batch (default: %(default)s, as in training)")
    parser.add_argument("--repeats", type=int, default=9, help="readings (default: %(default)s)")
    parser.add_argument("--out", type=Path, help="also write the table to this file")
    return parser.parse_args()


def sides(tf, librosa, frontend, augment, window, batch, threads):
    """name -> function of (sources, pitches, rates) that gives a tf.data.Dataset of batches."""

    def by_librosa(source, pitch, rate):
        clip = source[: round(window * float(rate))]
        clip = librosa.effects.pitch_shift(clip, sr=16000, n_steps=float(pitch))
        return librosa.util.fix_length(librosa.effects.time_stretch(clip, rate=float(rate)), size=window)

    def librosa_alone(*arrays):
        def changed(*clip):
            return tf.ensure_shape(tf.numpy_function(by_librosa, clip, tf.float32, stateful=False), [window])

        return tf.data.Dataset.from_tensor_slices(arrays).map(changed, threads, deterministic=True).batch(batch)

    def front_end_alone(*arrays):
        return in_batches(arrays).map(lambda source, pitch, rate: frontend(source[:, :window]), threads)

    def ours(*arrays):
        def changed(source, pitch, rate):
            return augment(source, {"pitch": pitch, "rate": rate})

        return in_batches(arrays).map(changed, threads, deterministic=True)

    def in_batches(arrays):
        return tf.data.Dataset.from_tensor_slices(arrays).batch(batch, drop_remainder=True)

    def librosa_whole(*arrays):
        return librosa_alone(*arrays).map(frontend, threads, deterministic=True)

    return {
        "librosa": librosa_alone,
        "librosa whole": librosa_whole,
        "front end": front_end_alone,
        "ours whole": ours,
    }


def errors(vowel, made, frontend, augment, window, batch):
    """Mean difference in dB from vowels made anew, of librosa's and of our features."""
    pitch, rate = np.float32(POINTS * batch).T[:, :batch]
    source = np.stack([vowel(augment.source_samples)] * batch)
    truth = np.concatenate([frontend(vowel(window, p, r)[None]).numpy() for p, r in zip(pitch, rate, strict=True)])
    heard = truth > truth.max() - 45 / decibels(frontend)

    def error(name):
        features = np.concatenate(list(made[name](source, pitch, rate).as_numpy_iterator()))
        return float(np.abs(features - truth)[heard].mean() * decibels(frontend))

    return error("librosa whole"), error("ours whole")


def decibels(frontend):
    return 20 / np.log(10) / frontend.SPECTRUM_POWER


def seconds_a_clip(made, arrays, repeats):
    """name -> [n] readings; the front end and ours follow each other closely, since they are subtracted."""
    datasets = {name: make(*arrays) for name, make in made.items()}
    order = ["librosa", "librosa whole"] + PAIRS * ["front end", "ours whole"]
    readings = {name: [] for name in datasets}
    for repeat in range(repeats + 1):  # the first warms up
        for name in order:
            start = time.perf_counter()
            for _ in datasets[name]:
                pass
            if repeat:
                readings[name].append((time.perf_counter() - start) / len(arrays[0]))
    return {name: np.array(seconds) for name, seconds in readings.items()}


def alone_and_ratio(taken):
    """Clips a second of the augmentation alone, and how many times librosa's that is, with its quartiles."""
    alone = np.quantile(taken["ours whole"] - taken["front end"], [0.25, 0.5, 0.75])
    if alone[0] <= 0:
        return "lost in the front end's own variation", "-"
    least, middle, greatest = np.median(taken["librosa"]) / alone[::-1]
    return f"{1 / alone[1]:.0f}", f"{middle:.1f} ({least:.1f} to {greatest:.1f})"


def main():
    args = arguments()
    librosa, tf = limit_threads(args.threads)
    import keras

    from ser_keras.experiment.settings import Augmentation
    from ser_keras.features.augmentation import draws
    from ser_keras.features.augmentation.spectra import SpectralAugmentation
    from ser_keras.features.frontends import FRONT_ENDS
    from ser_keras.runtime.benchmark import machine
    from tests.features.test_augmentation import vowel

    settings = Augmentation(mode="random", **RANGES)

    lines = [
        f"{machine()}; {args.threads} thread(s) on either side; TensorFlow {tf.__version__}, "
        f"Keras {keras.__version__}, librosa {librosa.__version__}, NumPy {np.__version__}, Python "
        f"{platform.python_version()}; {args.clips} clips a reading in batches of {args.batch}, medians of "
        f"{args.repeats} readings of librosa and {PAIRS * args.repeats} of the rest, warmed up. Clips a second; "
        "in brackets the mean difference from a vowel made anew, and of the first ratio the quartiles.",
        "",
        "| front end | clip | librosa | ours alone | ratio | front end | librosa whole | ours whole | ratio |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, window in CLIPS:
        frontend = FRONT_ENDS[name]()
        augment = SpectralAugmentation.from_settings(frontend, window, settings)
        made = sides(tf, librosa, frontend, augment, window, args.batch, args.threads)
        theirs_db, ours_db = errors(vowel, made, frontend, augment, window, args.batch)
        if not ours_db <= TOLERANCE_DB:
            sys.exit(f"{name}: {ours_db:.2g} dB from vowels made anew, more than {TOLERANCE_DB:g}: nothing to time")
        drawn = draws.draw(settings, args.clips, window / 16000, seed=[0])
        clips = speech_like(args.clips, augment.source_samples)
        taken = seconds_a_clip(made, (clips, drawn.pitch, drawn.rate), args.repeats)
        rate = {side: f"{1 / np.median(seconds):.0f}" for side, seconds in taken.items()}
        ratio = np.median(taken["librosa whole"]) / np.median(taken["ours whole"])
        lines.append(
            f"| `{name}` | {window / 16000:g} s | {rate['librosa']} | {' | '.join(alone_and_ratio(taken))} | "
            f"{rate['front end']} | {rate['librosa whole']} ({theirs_db:.1f} dB) | "
            f"{rate['ours whole']} ({ours_db:.1f} dB) | {ratio:.1f} |"
        )
    show(lines, args.out)


if __name__ == "__main__":
    main()
