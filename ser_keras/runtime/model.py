"""A trained model on audio: probabilities over time and for the whole file. Imports no TensorFlow."""

import dataclasses
import math

import numpy as np

from ser_keras.audio import reading
from ser_keras.audio.samples import SAMPLE_RATE, level_dbfs
from ser_keras.audio.windows import sliding_windows
from ser_keras.common.errors import SerKerasError
from ser_keras.runtime import bundle
from ser_keras.runtime.interpreter import Interpreter, choose
from ser_keras.runtime.isolated_interpreter import IsolatedInterpreter
from ser_keras.runtime.running_belief import RunningBelief


@dataclasses.dataclass(frozen=True)
class Segment:
    """One window of a file.

    Attributes:
        start, end: seconds within the file.
        probabilities: class name -> number; they sum to 1.
        speech: whether the window is at least as loud as the bundle's speech gate.
    """

    start: float
    end: float
    probabilities: dict
    speech: bool = True


@dataclasses.dataclass(frozen=True)
class Result:
    """What a model says of one file.

    Attributes:
        file: the path as given; None for samples.
        emotion: the class of the largest mean probability.
        probabilities: class name -> mean over the windows that hold speech, or over all where none does.
        segments: tuple of Segment, in order of time.
        model: name of the model.
        speech: False where no window is as loud as the speech gate: the emotion then says little.
        warnings: lines on what is odd about the audio.
    """

    file: str | None
    emotion: str
    probabilities: dict
    segments: tuple
    model: str
    speech: bool = True
    warnings: tuple = ()

    def to_dict(self):
        """The entry that `ser-keras predict --json` prints."""
        return {
            "file": self.file,
            "emotion": self.emotion,
            "probabilities": dict(self.probabilities),
            "segments": [dataclasses.asdict(s) for s in self.segments],
            "model": self.model,
            "speech": self.speech,
            "warnings": list(self.warnings),
        }


@dataclasses.dataclass(frozen=True)
class Moment:
    """One window of audio as it is heard, for displays.

    Attributes:
        start, end: seconds since the first sample.
        level_dbfs: RMS level of the window.
        speech: whether that is at least the bundle's speech gate.
        probabilities: class name -> number, of this window alone; they sum to 1.
        belief: class name -> number, what the windows so far come to (`belief.RunningBelief`); None: no speech.
    """

    start: float
    end: float
    level_dbfs: float
    speech: bool
    probabilities: dict
    belief: dict | None


class Model:
    """A classifier ready to run; made by `load`. Not to be shared between threads.

    Args:
        interpreter: callable, window [N] -> probabilities [C].
        settings: model_files.Settings.
        name: what results call it.
        runtime: the runtime's name.
    """

    def __init__(self, interpreter, settings, name, runtime):
        self._interpreter = interpreter
        self.settings = settings
        self.name = name
        self.runtime = runtime

    @property
    def classes(self):
        return self.settings.classes

    @property
    def window_samples(self):
        return self.settings.window_samples

    def probabilities(self, windows):
        """Run windows through the graph as they are.

        Args:
            windows: [n, window_samples], 16 kHz, in [-1, 1].

        Returns:
            float32 [n, n_classes]; rows sum to 1.
        """
        windows = np.asarray(windows, np.float32)
        if windows.ndim != 2 or windows.shape[1] != self.window_samples:
            raise SerKerasError(
                f"windows of shape {list(windows.shape)}: {self.name} takes [n, {self.window_samples}] "
                f"({self.window_samples / SAMPLE_RATE:g} s at {SAMPLE_RATE} Hz)"
            )
        rows = [self._interpreter(window) for window in windows]
        return np.array(rows, np.float32).reshape(-1, len(self.classes))

    def predict(self, path, hop_s=None):
        """Classify a file of any length in bounded memory.

        Args:
            path: audio file.
            hop_s: seconds from window to window; None: the bundle's.

        Returns:
            Result.

        Raises:
            ser_keras.audio.containers.AudioError: the file can't be used.
            SerKerasError: a hop that isn't positive.
        """
        hop = self._hop(hop_s)
        stream = reading.stream(path)
        segments = self._classify(stream, hop)
        return self._result(str(path), segments, tuple(stream.warnings))

    def predict_samples(self, samples, hop_s=None):
        """Classify samples.

        Args:
            samples: [n], 16 kHz mono floats in [-1, 1].
            hop_s: seconds from window to window; None: the bundle's.

        Returns:
            Result with `file` None.

        Raises:
            SerKerasError: empty, not finite, or not one-dimensional.
        """
        samples = np.asarray(samples)
        if samples.ndim != 1 or not len(samples) or not np.issubdtype(samples.dtype, np.floating):
            raise SerKerasError(
                f"samples of shape {list(samples.shape)}, {samples.dtype}: expected floats [n] in [-1, 1], n > 0"
            )
        if not np.isfinite(samples).all():
            raise SerKerasError(f"sample {int(np.argmin(np.isfinite(samples)))} is NaN or infinite")
        if np.abs(samples).max() > reading.OVERDRIVE:
            raise SerKerasError(f"samples reach {np.abs(samples).max():.3g}: divide integers by 32768, to [-1, 1]")
        return self._result(None, self._classify([samples.astype(np.float32, copy=False)], self._hop(hop_s)))

    def hear(self, blocks, hop_s=None):
        """Classify audio while it comes in, for any length of time, in memory that doesn't grow.

        Args:
            blocks: iterable of arrays [n] of any lengths, 16 kHz mono floats in [-1, 1]; what isn't finite counts as
                0 and what is louder is clipped, as in the graph.
            hop_s: seconds from window to window; None: the bundle's.

        Yields:
            Moment, one a window, as soon as the window is whole; the last one padded where `tail_rule` says so, or
            where there is less than one window in all.

        Raises:
            SerKerasError: a hop that isn't positive, or blocks that aren't one-dimensional floats.
        """
        hop = self._hop(hop_s)
        belief = RunningBelief(self.settings.smoothing_s, hop / SAMPLE_RATE)
        cut = sliding_windows(map(_block, blocks), self.window_samples, hop, self.settings.tail_rule)
        for start, length, window in cut:
            values, level = self._interpreter(window), level_dbfs(window)
            speech = self._is_speech(level)
            held = belief.update(values if speech else None)
            times = (start / SAMPLE_RATE, (start + length) / SAMPLE_RATE)
            yield Moment(*times, level, speech, self._named(values), None if held is None else self._named(held))

    def _is_speech(self, level):
        gate = self.settings.speech_gate_dbfs
        return gate is None or level >= gate

    def _hop(self, hop_s):
        if hop_s is None:
            return self.settings.hop_samples
        if not (math.isfinite(hop_s) and round(hop_s * SAMPLE_RATE) >= 1):
            raise SerKerasError(f"a hop of {hop_s} s: must be at least one sample ({1 / SAMPLE_RATE:g} s)")
        return round(hop_s * SAMPLE_RATE)

    def _classify(self, blocks, hop):
        segments = []
        for start, length, window in sliding_windows(blocks, self.window_samples, hop, self.settings.tail_rule):
            values = self._interpreter(window)
            segments.append(
                Segment(
                    start / SAMPLE_RATE,
                    (start + length) / SAMPLE_RATE,
                    self._named(values),
                    self._is_speech(level_dbfs(window)),
                )
            )
        return tuple(segments)

    def _named(self, values):
        return dict(zip(self.classes, map(float, values), strict=True))

    def _result(self, file, segments, warnings=()):
        speech = any(s.speech for s in segments)
        rows = [list(s.probabilities.values()) for s in segments if s.speech or not speech]
        mean = np.mean(np.array(rows, np.float64), axis=0)
        if not speech:
            warnings = (*warnings, f"no speech: nothing as loud as {self.settings.speech_gate_dbfs:g} dBFS")
        emotion = self.classes[int(mean.argmax())]
        return Result(file, emotion, self._named(mean), segments, self.name, speech, warnings)


def _block(samples):
    """A checked block of a stream: float32 [n], finite, in [-1, 1]."""
    samples = np.asarray(samples)
    if samples.ndim != 1 or not np.issubdtype(samples.dtype, np.floating):
        raise SerKerasError(
            f"a block of shape {list(samples.shape)}, {samples.dtype}: expected floats [n] in [-1, 1] "
            "(16-bit integers: divide by 32768; stereo: average the channels)"
        )
    return np.clip(np.nan_to_num(samples.astype(np.float32, copy=False), nan=0.0, posinf=0.0, neginf=0.0), -1, 1)


def load(model=None, runtime="auto", threads=1):
    """Load a model.

    Args:
        model: None: the model that the package ships; or a shipped model's name, a bundle folder, a `.tflite` file,
            or a run directory that holds a bundle.
        runtime: `litert`, `tflite-runtime`, or `auto`: whichever is installed.
        threads: threads of the runtime.

    Returns:
        Model.

    Raises:
        SerKerasError: nothing there, damaged, or no runtime to run it.
    """
    runtime = choose(runtime)
    file = bundle.find(model)
    make = IsolatedInterpreter if file.settings is None else Interpreter
    interpreter = make(file.content, file.path, runtime, threads)
    settings = file.settings or bundle.embedded_settings(file, interpreter.window_samples)
    takes, says = interpreter.window_samples, settings.window_samples
    if takes != says or interpreter.n_classes != len(settings.classes):
        raise SerKerasError(
            f"{file.path} takes {takes} samples and gives {interpreter.n_classes} probabilities; "
            f"its settings say {says} and {len(settings.classes)}"
        )
    return Model(interpreter, settings, file.name, runtime)
