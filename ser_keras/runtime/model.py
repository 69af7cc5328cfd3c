"""A trained model on audio: probabilities over time and for the whole file. Imports no TensorFlow."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypedDict

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ser_keras.audio import reading
from ser_keras.audio.samples import SAMPLE_RATE, level_dbfs
from ser_keras.audio.windows import sliding_windows
from ser_keras.common.errors import BadInput
from ser_keras.common.text import html_table
from ser_keras.runtime import bundle
from ser_keras.runtime.interpreter import Interpreter, RuntimeChoice, WindowClassifier, choose
from ser_keras.runtime.isolated_interpreter import IsolatedInterpreter
from ser_keras.runtime.reach import NOT_LIVE
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
    probabilities: dict[str, float]
    speech: bool = True


class SegmentJson(TypedDict):
    """A Segment in JSON."""

    start: float
    end: float
    probabilities: dict[str, float]
    speech: bool


class ResultJson(TypedDict):
    """A Result in JSON."""

    file: str | None
    emotion: str
    probabilities: dict[str, float]
    segments: list[SegmentJson]
    model: str
    speech: bool
    warnings: list[str]


@dataclasses.dataclass(frozen=True)
class Result:
    """What a model says of one file, or of the samples of one utterance.

    Example:
        >>> import numpy as np
        >>> import ser_keras
        >>> model = ser_keras.load()
        >>> result = model.predict_samples(np.sin(np.arange(40000) / 9).astype(np.float32))
        >>> result.emotion in model.classes, result.speech, round(sum(result.probabilities.values()), 6)
        (True, True, 1.0)
        >>> [(segment.start, segment.end) for segment in result.segments]
        [(0.0, 2.5)]

    Attributes:
        file: the path as it was given; None for samples.
        emotion: the class of the largest mean probability.
        probabilities: class name -> mean over the windows that hold speech, or over all where none does; over the
            emotions alone, they sum to 1.
        segments: the windows, in order of time.
        model: name of the model.
        speech: False where no window is as loud as the speech gate: the emotion then says little.
        warnings: lines on what is odd about the audio.
    """

    file: str | None
    emotion: str
    probabilities: dict[str, float]
    segments: tuple[Segment, ...]
    model: str
    speech: bool = True
    warnings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        ordered = sorted(self.probabilities.items(), key=lambda item: -item[1])
        classes = ", ".join(f"{name} {p:.3f}" for name, p in ordered)
        heard = self.emotion if self.speech else "no speech"
        n = len(self.segments)
        head = (
            f"<Result {self.file or 'of samples'}: {heard}; {classes} ({n} window{'s' if n != 1 else ''}, {self.model})"
        )
        return "\n ".join([head, *self.warnings]) + ">"

    def _repr_html_(self) -> str:
        ordered = sorted(self.probabilities.items(), key=lambda item: -item[1])
        heard = self.emotion if self.speech else "no speech"
        caption = "; ".join([f"{self.file or 'samples'}: {heard}", *self.warnings])
        return html_table(["class", "probability"], [(name, f"{p:.3f}") for name, p in ordered], caption)

    def to_dict(self) -> ResultJson:
        """The entry that `ser-keras predict --json` prints."""
        return {
            "file": self.file,
            "emotion": self.emotion,
            "probabilities": dict(self.probabilities),
            "segments": [
                {"start": s.start, "end": s.end, "probabilities": dict(s.probabilities), "speech": s.speech}
                for s in self.segments
            ],
            "model": self.model,
            "speech": self.speech,
            "warnings": list(self.warnings),
        }


@dataclasses.dataclass(frozen=True)
class Moment:
    """One window of audio as it is heard, for displays.

    Example:
        >>> import numpy as np
        >>> import ser_keras
        >>> model = ser_keras.load()
        >>> second = np.sin(np.arange(16000) / 9).astype(np.float32)
        >>> for moment in model.hear([second] * 5 + [0 * second] * 4, hop_s=1):
        ...     print(f"{moment.start:g} to {moment.end:g} s, {moment.level_dbfs:.0f} dBFS, speech: {moment.speech}")
        0 to 4 s, -3 dBFS, speech: True
        1 to 5 s, -3 dBFS, speech: True
        2 to 6 s, -4 dBFS, speech: True
        3 to 7 s, -6 dBFS, speech: True
        4 to 8 s, -9 dBFS, speech: True
        5 to 9 s, -200 dBFS, speech: False

    Attributes:
        start, end: seconds since the first sample.
        level_dbfs: RMS level of the window, dB; 0: a full-scale square wave.
        speech: whether that is at least the bundle's speech gate.
        probabilities: class name -> number, of this window alone; they sum to 1.
        belief: class name -> number, what the windows so far come to (`running_belief.RunningBelief`); None: no speech
            so far, or none for long.
    """

    start: float
    end: float
    level_dbfs: float
    speech: bool
    probabilities: dict[str, float]
    belief: dict[str, float] | None


class Model:
    """A classifier ready to run; made by `ser_keras.load`. Not to be shared between threads.

    Example:
        >>> import ser_keras
        >>> model = ser_keras.load()
        >>> {"anger", "happiness", "neutral", "sadness"} <= set(model.classes)
        True
        >>> model.window_samples / 16000  # seconds
        4.0

    Args:
        interpreter: window [N] -> probabilities [C].
        settings: how audio is cut for it.
        name: what results call it.
        runtime: the name of the runtime that runs it.
        reach: sentences on how often it is right, in a room first.
    """

    def __init__(
        self,
        interpreter: Callable[[NDArray[np.float32]], NDArray[np.float32]],
        settings: bundle.Settings,
        name: str,
        *,
        runtime: str,
        reach: str = NOT_LIVE,
    ) -> None:
        self._interpreter = interpreter
        self.settings = settings
        self.name = name
        self.runtime = runtime
        self.reach = reach

    def __repr__(self) -> str:
        seconds = self.window_samples / SAMPLE_RATE
        classes = ", ".join(self.classes)
        return f"<Model {self.name}: {classes}; windows of {seconds:g} s, {self.runtime}\n {self.reach}>"

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the emotions, in the order of the model's outputs."""
        return self.settings.classes

    @property
    def window_samples(self) -> int:
        """N, samples of a window at 16 kHz."""
        return self.settings.window_samples

    def probabilities(self, windows: ArrayLike) -> NDArray[np.float32]:
        """Run windows through the graph as they are.

        Args:
            windows: [n, window_samples], 16 kHz, in [-1, 1].

        Returns:
            [n, n_classes]; rows sum to 1.

        Raises:
            BadInput: windows of another shape.
        """
        waves: NDArray[np.float32] = np.asarray(windows, np.float32)
        if waves.ndim != 2 or waves.shape[1] != self.window_samples:
            raise BadInput(
                f"windows of shape {list(waves.shape)}: {self.name} takes [n, {self.window_samples}] "
                f"({self.window_samples / SAMPLE_RATE:g} s at {SAMPLE_RATE} Hz)"
            )
        rows = [self._interpreter(window) for window in waves]
        return np.array(rows, np.float32).reshape(-1, len(self.classes))

    def predict(self, path: str | Path, *, hop_s: float | None = None) -> Result:
        """Classify a file of any length, format and sampling rate in bounded memory.

        Args:
            path: audio file.
            hop_s: seconds from window to window; None: the bundle's.

        Raises:
            AudioError: the file cannot be used.
            BadInput: a hop that is not positive.
        """
        hop = self._hop(hop_s)
        stream = reading.stream(path)
        segments = self._classify(stream, hop)
        return self._result(str(path), segments, tuple(stream.warnings))

    def predict_samples(
        self, samples: ArrayLike, sampling_rate: int = SAMPLE_RATE, *, hop_s: float | None = None
    ) -> Result:
        """Classify samples.

        Args:
            samples: [n], mono floats in [-1, 1].
            sampling_rate: of the samples, Hz; any but 16000 is refused, since the model would hear another pitch.
            hop_s: seconds from window to window; None: the bundle's.

        Returns:
            The result, its `file` None.

        Raises:
            BadInput: another sampling rate, or samples that are empty, not finite or not one-dimensional.
        """
        if sampling_rate != SAMPLE_RATE:
            raise BadInput(
                f"samples at {sampling_rate} Hz: the model takes {SAMPLE_RATE} Hz; resample them first: "
                f"soxr.resample(samples, {sampling_rate}, {SAMPLE_RATE})"
            )
        wave = np.asarray(samples)
        if wave.ndim != 1 or not len(wave) or not np.issubdtype(wave.dtype, np.floating):
            raise BadInput(f"samples of shape {list(wave.shape)}, {wave.dtype}: expected floats [n] in [-1, 1], n > 0")
        if not np.isfinite(wave).all():
            raise BadInput(f"sample {int(np.argmin(np.isfinite(wave)))} is NaN or infinite")
        if np.abs(wave).max() > reading.OVERDRIVE:
            raise BadInput(f"samples reach {np.abs(wave).max():.3g}: divide integers by 32768, to [-1, 1]")
        return self._result(None, self._classify([wave.astype(np.float32, copy=False)], self._hop(hop_s)))

    def hear(self, blocks: Iterable[ArrayLike], *, hop_s: float | None = None) -> Iterator[Moment]:
        """Classify audio while it comes in, for any length of time, in memory that does not grow.

        Args:
            blocks: [n] each, of any lengths, 16 kHz mono floats in [-1, 1]; what is not finite counts as 0 and what is
                louder is clipped, as in the graph.
            hop_s: seconds from window to window; None: the bundle's.

        Yields:
            One moment a window, as soon as the window is whole; the last one padded where `tail_rule` says so, or
            where there is less than one window in all.

        Raises:
            BadInput: a hop that is not positive, or blocks that are not one-dimensional floats.
        """
        hop = self._hop(hop_s)
        belief = RunningBelief(self.settings.smoothing_s, hop / SAMPLE_RATE)
        cut = sliding_windows(map(_block, blocks), self.window_samples, hop, tail=self.settings.tail_rule)
        for start, length, window in cut:
            values, level = self._interpreter(window), level_dbfs(window)
            speech = self._is_speech(level)
            believed = belief.update(values if speech else None)
            yield Moment(
                start=start / SAMPLE_RATE,
                end=(start + length) / SAMPLE_RATE,
                level_dbfs=level,
                speech=speech,
                probabilities=self._by_class(values),
                belief=None if believed is None else self._by_class(believed),
            )

    def _is_speech(self, level: float) -> bool:
        gate = self.settings.speech_gate_dbfs
        return gate is None or level >= gate

    def _hop(self, hop_s: float | None) -> int:
        if hop_s is None:
            return self.settings.hop_samples
        if not (math.isfinite(hop_s) and round(hop_s * SAMPLE_RATE) >= 1):
            raise BadInput(f"a hop of {hop_s} s: must be at least one sample ({1 / SAMPLE_RATE:g} s)")
        return round(hop_s * SAMPLE_RATE)

    def _classify(self, blocks: Iterable[NDArray[np.float32]], hop: int) -> tuple[Segment, ...]:
        return tuple(
            Segment(
                start=start / SAMPLE_RATE,
                end=(start + length) / SAMPLE_RATE,
                probabilities=self._by_class(self._interpreter(window)),
                speech=self._is_speech(level_dbfs(window)),
            )
            for start, length, window in sliding_windows(blocks, self.window_samples, hop, tail=self.settings.tail_rule)
        )

    def _by_class(self, values: NDArray[np.float32] | NDArray[np.float64]) -> dict[str, float]:
        return dict(zip(self.classes, map(float, values), strict=True))

    def _result(self, file: str | None, segments: tuple[Segment, ...], warnings: tuple[str, ...] = ()) -> Result:
        speech = any(s.speech for s in segments)
        rows = [list(s.probabilities.values()) for s in segments if s.speech or not speech]
        mean = np.mean(np.array(rows, np.float64), axis=0)
        if not speech:
            warnings = (*warnings, f"no speech: nothing as loud as {self.settings.speech_gate_dbfs:g} dBFS")
        emotion = self.classes[int(mean.argmax())]
        return Result(
            file=file,
            emotion=emotion,
            probabilities=self._by_class(mean),
            segments=segments,
            model=self.name,
            speech=speech,
            warnings=warnings,
        )


def _block(samples: ArrayLike) -> NDArray[np.float32]:
    """A checked block of a stream: [n], finite, in [-1, 1]."""
    block = np.asarray(samples)
    if block.ndim != 1 or not np.issubdtype(block.dtype, np.floating):
        raise BadInput(
            f"a block of shape {list(block.shape)}, {block.dtype}: expected floats [n] in [-1, 1] "
            "(16-bit integers: divide by 32768; stereo: average the channels)"
        )
    return np.clip(np.nan_to_num(block.astype(np.float32, copy=False), nan=0.0, posinf=0.0, neginf=0.0), -1, 1)


def load(model: str | os.PathLike[str] | None = None, runtime: RuntimeChoice = "auto", threads: int = 1) -> Model:
    """Load a model.

    Example:
        >>> import ser_keras
        >>> from ser_keras.runtime.bundle import DEFAULT_MODEL, PRETRAINED
        >>> model = ser_keras.load(DEFAULT_MODEL)
        >>> result = model.predict(PRETRAINED / DEFAULT_MODEL / "reference.wav")
        >>> max(result.probabilities, key=result.probabilities.get) == result.emotion
        True

    Args:
        model: None: the model that the package ships; or a shipped model's name, a bundle folder, a `.tflite` file,
            or a run directory that holds a bundle; a `Bundle` or a `Run` does, too.
        runtime: `litert`, `tflite-runtime`, or `auto`: whichever is installed.
        threads: threads of the runtime.

    Raises:
        NotFound: nothing is there.
        BadInput: what is there is no model.
        Damaged: it does not match its checksum, or the runtime cannot read it.
        Unavailable: no runtime is installed that runs it.
    """
    runtime_name = choose(runtime)
    file = bundle.find(model)
    kind: Callable[..., WindowClassifier] = IsolatedInterpreter if file.settings is None else Interpreter
    interpreter = kind(file.content, file.path, runtime_name, threads=threads)
    settings = file.settings or bundle.embedded_settings(file, interpreter.window_samples)
    takes, says = interpreter.window_samples, settings.window_samples
    if takes != says or interpreter.n_classes != len(settings.classes):
        raise BadInput(
            f"{file.path} takes {takes} samples and gives {interpreter.n_classes} probabilities; "
            f"its settings say {says} and {len(settings.classes)}"
        )
    return Model(interpreter, settings, file.name, runtime=runtime_name, reach=file.reach)
