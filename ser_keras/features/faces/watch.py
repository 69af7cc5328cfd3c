"""Utterances -> their frames in the cache."""

import dataclasses

import numpy as np

from ser_keras.audio import reading
from ser_keras.audio.samples import SAMPLE_RATE
from ser_keras.common.errors import SerKerasError
from ser_keras.common.progress import stage
from ser_keras.common.row_store import RowStore, cache_folder, fingerprint
from ser_keras.features.faces.stores import PixelStore
from ser_keras.features.faces.video import NoPictures, VideoError, frame_times

TIMES_VERSION = 1


@dataclasses.dataclass(frozen=True)
class Frames:
    """The frames of some utterances.

    Attributes:
        store: PixelStore.
        first_row: [n] where an utterance's frames stand in `store`.
        starts: list of n arrays, the samples of the utterance at which its frames are shown (of `audio_visual`: at
            which its chunks begin).
    """

    store: PixelStore
    first_row: np.ndarray
    starts: list


def watch(decoded, front_end, experiment):
    """Read the frames of decoded utterances; what is in the cache isn't read again.

    Where none of a corpus's files holds pictures, one line says so; any other file without usable ones is a bad file.

    Args:
        decoded: decoding.Decoded.
        front_end: one of FACE_FRONT_ENDS.
        experiment: settings.

    Returns:
        decoding.Decoded of the utterances whose frames could be read, with `frames`.

    Raises:
        SerKerasError: a bad file under `audio.bad_files=fail`, no usable file at all, or OpenCV isn't installed.
    """
    store = front_end.picture_store()
    times_store = RowStore(cache_folder() / "frames" / "times", np.float64)
    chosen, bad, without = {}, {}, set()

    def missing():
        for number in _by_file(decoded):
            advance()
            utterance, content = decoded.utterances[number], decoded.contents[number]
            try:
                times = _times(times_store, content, utterance.path)
                frames, starts = _choose(front_end, experiment, decoded, number, times)
                key = fingerprint(content, frames.tolist())
                if key not in store:
                    pictures = front_end.read(utterance.path, frames.tolist())
                    yield key, np.stack([pictures[f] for f in frames.tolist()])
            except (VideoError, reading.AudioError, OSError) as error:
                if isinstance(error, NoPictures):
                    without.add(number)
                bad[number] = error
                continue
            chosen[number] = key, starts

    with stage("frames", len(decoded.utterances), "videos") as advance:
        store.extend(missing())
    kept = sorted(chosen)
    silent = _report(decoded, bad, without, experiment.audio.bad_files)
    if not kept:
        first = silent[0] if silent else _reason(next(iter(bad.values())))
        raise SerKerasError(
            f"none of the {len(decoded.utterances)} files has pictures that can be used ({first}); a recipe on faces "
            "needs videos"
        )
    return dataclasses.replace(
        decoded,
        utterances=[decoded.utterances[i] for i in kept],
        spans=decoded.spans[kept],
        hashes=[decoded.hashes[i] for i in kept],
        contents=[decoded.contents[i] for i in kept],
        frames=Frames(store, np.array([store.span(chosen[i][0])[0] for i in kept]), [chosen[i][1] for i in kept]),
    )


def _by_file(decoded):
    """The utterances' numbers, those of one file behind each other."""
    return sorted(range(len(decoded.utterances)), key=lambda i: decoded.contents[i])


def _times(store, content, path):
    key = fingerprint(content, TIMES_VERSION)
    if key not in store:
        store.extend([(key, frame_times(path))])
    return np.array(store.rows(key))


def _choose(front_end, experiment, decoded, number, times):
    """(frame numbers, starts) of one utterance; what is drawn follows from the seed and its content."""
    utterance, n_samples = decoded.utterances[number], int(decoded.spans[number, 1])
    if experiment.snippet_s is not None:
        n_samples = min(n_samples, max(1, round(experiment.snippet_s * SAMPLE_RATE)))
    identity = fingerprint(decoded.contents[number], [utterance.start, utterance.end])
    rng = np.random.default_rng([experiment.seed, int(identity[:16], 16)])
    return front_end.choose(
        utterance.path,
        times,
        utterance.start or 0.0,
        n_samples=n_samples,
        window=experiment.window_samples,
        hop=experiment.hop_samples,
        tail=experiment.tail_rule,
        rng=rng,
    )


def _report(decoded, bad, without, bad_files):
    """Enter what couldn't be used into `decoded`; returns lines on corpora without any pictures."""
    lines = []
    for corpus in sorted({u.corpus for u in decoded.utterances}):
        own = [i for i, u in enumerate(decoded.utterances) if u.corpus == corpus]
        if all(i in without for i in own):
            lines.append(f"corpus {corpus} has no pictures: {len(own)} utterances left out")
            for i in own:
                del bad[i]
    decoded.warnings += lines
    for i, error in sorted(bad.items()):
        if bad_files == "fail":
            raise SerKerasError(f"{error} (audio.bad_files=skip goes on without such files)")
        decoded.bad_files[decoded.utterances[i].name] = _reason(error)
    return lines


def _reason(error):
    return getattr(error, "reason", None) or str(error)
