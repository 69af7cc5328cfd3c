"""The models of a run as `.tflite` files: the exported one and the folds', converted and run on their test audio."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from ser_keras.common.errors import SerKerasError
from ser_keras.common.progress import stage
from ser_keras.evaluation import Predictions
from ser_keras.experiment.protocols import PROTOCOLS
from ser_keras.experiment.run import RunDirectory
from ser_keras.export import parity
from ser_keras.export.bundle_json import Estimate, Tree
from ser_keras.export.convert import Conversion, convert
from ser_keras.export.estimate import TestAudio, estimate, sample_windows
from ser_keras.export.provenance import tables
from ser_keras.export.variants import INT8_WEIGHTS, VARIANTS
from ser_keras.runtime.bundle import Settings
from ser_keras.training.runtime_model import run_settings

FLOAT = VARIANTS["float32"].file
KERAS = "model.keras"  # in a fold's folder and in the bundle, there for `train --init`
CALIBRATION_WINDOWS = 100
NO_AUDIO = "the test audio was not given to the export"

Files = dict[str, bytes]  # file name -> content


@dataclasses.dataclass(frozen=True)
class Source:
    """What one export works on.

    Attributes:
        run: the run.
        fold: number of the fold whose model is exported; None: the final model.
        folder: of that model.
        experiment: content of the run's experiment.yaml.
        settings: how audio is cut for the model.
        test_audio: see `bundle.export_run`.
    """

    run: RunDirectory
    fold: int | None
    folder: Path
    _: dataclasses.KW_ONLY
    experiment: Tree
    settings: Settings
    test_audio: TestAudio | None

    @property
    def trained_folds(self) -> list[int]:
        """Numbers of the folds that are done, in order."""
        return [int(folder.name) for folder in self.run.folds()]

    @property
    def judging_folds(self) -> list[int]:
        """Numbers of the folds whose test audio judges the model."""
        folds = [number for number in self.trained_folds if (self.run.fold(number) / KERAS).is_file()]
        return folds if self.fold is None else [self.fold]


@dataclasses.dataclass(frozen=True)
class Windows:
    """What Keras and the converted files are compared on.

    Attributes:
        made: float32 [n, window_samples], synthesised.
        real: float32 [n, window_samples], of test audio; n is 0 where there is none.
        missing: why there is no test audio; None where there is.
    """

    made: NDArray[np.float32]
    real: NDArray[np.float32]
    missing: str | None

    @property
    def all(self) -> NDArray[np.float32]:
        return np.concatenate([self.made, self.real])


@dataclasses.dataclass(frozen=True)
class Converted:
    """The files that the models of a run became.

    Attributes:
        shipped: those of the exported model.
        folds: fold number -> those of its model.
        left_out: file name -> why it couldn't be made.
        expected: Keras's probabilities [n, C] of the windows.
    """

    shipped: Files
    folds: dict[int, Files]
    _: dataclasses.KW_ONLY
    left_out: dict[str, str]
    expected: NDArray[np.float32]


def source_of(run: RunDirectory, fold: int | None, test_audio: TestAudio | None) -> Source:
    """The model of a run that is exported.

    Raises:
        SerKerasError: the run has no such model.
    """
    folder = run.final if fold is None else run.fold(fold)
    if not (folder / KERAS).is_file():
        raise SerKerasError(_no_model(run, fold))
    experiment = cast(Tree, run.experiment)
    settings = run_settings(experiment)
    return Source(run, fold, folder, experiment=experiment, settings=settings, test_audio=test_audio)


def _no_model(run: RunDirectory, fold: int | None) -> str:
    if fold is not None:
        trained = ", ".join(f.name for f in run.folds()) or "none"
        return f"{run.path} holds no trained fold {fold} (trained folds: {trained})"
    return (
        f"{run.path} holds no final model: finish it with `ser-keras train ... --out {run.path} --resume`, "
        "or export one of the folds by `fold`"
    )


def comparison_windows(source: Source) -> Windows:
    """Windows to compare Keras and the files on: made ones, and those of test audio where it is there."""
    made = parity.probe_windows(source.settings.window_samples)
    folds, missing = source.judging_folds, None
    if source.test_audio is None:
        missing = NO_AUDIO
    elif not folds:
        missing = "the run holds no trained folds"
    else:
        try:
            return Windows(made, sample_windows(source.test_audio, folds, source.settings), None)
        except SerKerasError as error:
            missing = str(error)
    return Windows(made, sample_windows(None, folds, source.settings), missing)


def convert_models(source: Source, windows: Windows, further: Sequence[str], *, scratch: Path) -> Converted:
    """Convert the exported model and, where their test audio is there, those of the folds.

    Args:
        source: what is exported.
        windows: of which Keras's probabilities are wanted.
        further: names in `variants.VARIANTS` of files beside int8 weights and float32.
        scratch: a folder for files that are not part of the bundle.
    """
    folds = source.judging_folds if windows.missing is None else []
    shipped = _conversion(source, source.folder, source.fold, further=further, made=scratch / "shipped")
    np.save(scratch / "windows.npy", windows.all)
    shipped = dataclasses.replace(
        shipped, windows=scratch / "windows.npy", probabilities=scratch / "keras.npy", parts=True
    )
    others = {
        number: _conversion(source, source.run.fold(number), number, further=further, made=scratch / str(number))
        for number in folds
        if number != source.fold
    }
    with stage("conversion to TFLite", 1 + len(others), "models") as advance:
        refusals = convert([shipped, *others.values()], advance)
    # Measured and shipped are the same files: what one of the models can't be is left out of all.
    left_out = {file: reason for of_model in refusals for file, reason in of_model.items()}
    files = _made_files(shipped, left_out)
    of_folds = {number: _made_files(conversion, left_out) for number, conversion in others.items()}
    if source.fold in folds:
        of_folds[source.fold] = files
    return Converted(files, of_folds, left_out=left_out, expected=np.load(scratch / "keras.npy"))


def _conversion(source: Source, model: Path, fold: int | None, *, further: Sequence[str], made: Path) -> Conversion:
    """The order to convert one model, the final one or a fold's, into the folder `made`."""
    made.mkdir()
    calibration = _calibration(source, fold, made / "calibration.npy") if "int8" in further else None
    return Conversion(
        model / KERAS,
        made / FLOAT,
        made / VARIANTS[INT8_WEIGHTS].file,
        further=tuple(further),
        calibration=calibration,
    )


def _made_files(conversion: Conversion, left_out: Mapping[str, str]) -> Files:
    return {p.name: p.read_bytes() for p in conversion.float32.parent.glob("*.tflite") if p.name not in left_out}


def _calibration(source: Source, fold: int | None, file: Path) -> Path | None:
    """Windows of the audio that a model was trained on: the test audio of the other folds. None: there is none."""
    others = [number for number in source.trained_folds if number != fold]
    try:
        windows = sample_windows(source.test_audio, others, source.settings, limit=CALIBRATION_WINDOWS, each=1)
    except SerKerasError:
        return None
    np.save(file, windows)
    return file


def estimate_folds(
    source: Source, converted: Converted, missing: str | None, *, names: Sequence[str]
) -> tuple[dict[str, Estimate | None], str | None]:
    """What the folds' converted files reach on their test audio.

    Args:
        source: what is exported.
        converted: its files.
        missing: why there is no test audio, or None.
        names: of the files to measure.

    Returns:
        (file name -> figures, why there are none or None).
    """
    nothing: dict[str, Estimate | None] = dict.fromkeys(names)
    if missing is not None or source.test_audio is None:
        return nothing, missing
    files = {number: {name: of_fold[name] for name in names} for number, of_fold in converted.folds.items()}
    try:
        chunks = PROTOCOLS[source.experiment["protocol"]["name"]].leaky
        windows = tables(source.run, files, "segments.csv")
        predictions = windows if chunks else tables(source.run, files, "predictions.csv")
        if without := sorted(set(files) - set(predictions)):
            raise SerKerasError(f"fold {without[0]} holds no predictions.csv")
        with stage("converted folds on their test audio", len(files), "folds") as advance:
            estimates = estimate(
                files,
                predictions,
                source.test_audio,
                settings=source.settings,
                advance=advance,
                window_tables=windows,
                keep=lambda file, table: _keep_predictions(source, file, table),
                chunks=chunks,
            )
    except SerKerasError as error:
        return nothing, str(error)
    return {**estimates}, None


def _keep_predictions(source: Source, file: str, predictions: Predictions) -> None:
    """What a file says of the test utterances, to be compared with other runs'; not part of the bundle."""
    folder = "exported" if source.fold is None else f"exported-fold-{source.fold}"
    with contextlib.suppress(SerKerasError):  # a run may be kept where nothing can be written
        predictions.write_csv(source.run.path / "evaluations" / folder / f"{file}.csv")
