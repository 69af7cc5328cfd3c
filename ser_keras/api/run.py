"""A run as Python users hold it: what a training left behind, and what can be made of it."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from ser_keras.api.bundle import Bundle
from ser_keras.api.corpus import Corpora, Corpus, located
from ser_keras.api.evaluations import Evaluation, LiveEvaluation
from ser_keras.api.metrics import Metrics
from ser_keras.api.session import at_work, quiet_tensorflow
from ser_keras.common.errors import BadInput, SerKerasError
from ser_keras.common.plugins import use
from ser_keras.common.text import html_table
from ser_keras.evaluation.predictions import Predictions
from ser_keras.experiment.run import RunDirectory

if TYPE_CHECKING:
    import keras

    from ser_keras.api.plots import Plots
    from ser_keras.common.progress import Callback
    from ser_keras.evaluation.reports.run_data import History
    from ser_keras.experiment.settings import Experiment
    from ser_keras.features.conditions import Condition
    from ser_keras.features.streams.plan import Codec
    from ser_keras.training.live_evaluation import LiveRequest


class Run:
    """The directory of one trained experiment; made by `ser_keras.train`.

    Args:
        path: the run directory.
        plugins: modules or packages of one's own whose parts it names (`module:name`): opening it imports these alone.

    Raises:
        SerKerasError: it is no run directory.

    Example:
        run = ser_keras.Run("runs/first")
        run.metrics.uar, run.metrics.uar_ci95
        run.export("bundles/first")
    """

    def __init__(self, path: str | Path, *, plugins: Iterable[str] = ()) -> None:
        quiet_tensorflow()  # a module of one's own imports it
        use(plugins)
        self._directory = RunDirectory.existing(path)

    @property
    def path(self) -> Path:
        """The run directory."""
        return self._directory.path

    def __fspath__(self) -> str:
        """The run directory, so that a run can stand wherever a path can."""
        return str(self.path)

    # --- what it was made from

    @functools.cached_property
    def experiment(self) -> Experiment:
        """The settings that it was trained with."""
        return self._directory.trained_with()[0]

    @property
    def corpora(self) -> list[Corpus]:
        """The corpora that it was trained on, where they were at that time."""
        return [Corpus.stored(name, path) for name, path in self._directory.provenance["corpora_paths"].items()]

    # --- what came of it

    @property
    def finished(self) -> bool:
        """Whether all folds are trained and tested; `train(..., resume=True)` goes on with one that is not."""
        return self._directory.finished

    @property
    def folds(self) -> list[int]:
        """The numbers of the folds that are trained and tested."""
        return [int(folder.name) for folder in self._directory.folds()]

    @functools.cached_property
    def metrics(self) -> Metrics:
        """The metrics of the test utterances of all folds.

        Raises:
            SerKerasError: not all folds are done.
        """
        self._require_finished()
        return Metrics.read(self.path)

    @functools.cached_property
    def predictions(self) -> Predictions:
        """The predictions for the test utterances of all folds: true classes and probabilities.

        Raises:
            SerKerasError: not all folds are done.
        """
        self._require_finished()
        return Predictions.read_csv(self.path / "predictions.csv")

    @functools.cached_property
    def windows(self) -> Predictions | None:
        """The table of their windows; None where the classifier hears whole utterances.

        Raises:
            SerKerasError: not all folds are done.
        """
        self._require_finished()
        file = self.path / "segments.csv"
        return Predictions.read_csv(file) if file.is_file() else None

    def _require_finished(self) -> None:
        if not self.finished:
            raise SerKerasError(f"{self.path} isn't finished: train it on with `resume=True`")

    @functools.cached_property
    def history(self) -> dict[str, History]:
        """Fold number as text, or `final` -> column (`epoch`, `loss`, `accuracy`, ...) -> a value an epoch.

        Empty where the model was not trained in epochs.
        """
        from ser_keras.evaluation.reports.run_data import read_history

        columns: dict[str, History] = {}
        for folder in (*self._directory.folds(), self._directory.final):
            file = folder / "history.csv"
            if file.is_file() and (history := read_history(file)):
                columns[folder.name] = history
        return columns

    @property
    def plots(self) -> Plots:
        """Its plots.

        Raises:
            SerKerasError: not all folds are done.
        """
        with at_work():
            from ser_keras.api.plots import Plots

            return Plots(self.metrics, self.history)

    @functools.cached_property
    def model(self) -> keras.Model:
        """The final model, which heard all speakers: window [n, `experiment.window_samples`] -> probabilities.

        Of several outputs, heads of corpora, the first is for any speech. It is not compiled.

        Raises:
            SerKerasError: the run has none, or what it has is no Keras model from waveform to probabilities.
        """
        self._directory.require_final()
        return self._keras_model(self._directory.final)

    def fold_model(self, number: int) -> keras.Model:
        """The model of a fold, as `model`: it never heard the speakers of the fold's test part.

        Args:
            number: one of `folds`.

        Raises:
            SerKerasError: there is no such fold, or its model is no Keras model from waveform to probabilities.
        """
        if number not in self.folds:
            raise BadInput(f"{self.path} has no fold {number}; it has {', '.join(map(str, self.folds)) or 'none'}")
        return self._keras_model(self._directory.fold(number))

    def _keras_model(self, folder: Path) -> keras.Model:
        with at_work():
            from ser_keras.experiment.rules import why_not_exportable
            from ser_keras.experiment.tensorflow_session import in_float32
            from ser_keras.models.classifier import KerasClassifier, load_keras

            if reason := why_not_exportable(self.experiment):
                raise SerKerasError(f"{self.path} has no Keras model from waveform to probabilities: {reason}")
            with in_float32():
                return load_keras(folder / KerasClassifier.WITH_FRONT_END)

    @property
    def report(self) -> Path:
        """Its page; `write_report` writes it anew."""
        return self.path / "report.html"

    # --- what can be made of it

    def write_report(self) -> Path:
        """Write the page of the run anew, with what has come since: live evaluations.

        Returns:
            Where it is.
        """
        with at_work():
            from ser_keras.evaluation.reports.run_report import write_report

            return write_report(self.path)

    def export(
        self,
        path: str | Path,
        *,
        fold: int | None = None,
        default: str = "int8_weights",
        all_variants: bool = False,
        progress: Callback | None = None,
    ) -> Bundle:
        """Make the bundle that phones run, checked against Keras.

        Args:
            path: the bundle's folder; a bundle that is there is replaced.
            fold: export this fold's model instead of the final one.
            default: the file that the bundle recommends: `int8_weights`, `float32`, ...; `auto`: float32 where int8
                weights lose over a point of UAR.
            all_variants: make float16, dynamic and full int8 files, too.
            progress: is called with each `Step`.

        Raises:
            SerKerasError: the model cannot be exported, a check fails, or `path` holds something else.
        """
        with at_work(progress):
            from ser_keras.export.from_run import export

            export(self._directory, path, fold, default=default, all_variants=all_variants)
        return Bundle(path)

    def evaluate(
        self,
        corpora: Corpora = (),
        conditions: Iterable[str | Condition] = (),
        *,
        progress: Callback | None = None,
    ) -> list[Evaluation]:
        """Run its models on other data, or on its own test folds; see `ser_keras.evaluate`."""
        with at_work(progress):
            from ser_keras.features.conditions import parse, trust
            from ser_keras.training import reevaluation

            conditions = list(conditions)
            for condition in conditions:
                if isinstance(condition, str):
                    trust(condition)
            distortions = [parse(given) if isinstance(given, str) else given for given in conditions]
            evaluations = reevaluation.evaluate(self._directory, located(corpora), distortions)
        return [Evaluation(name, folder, Metrics.from_json(content)) for name, folder, content in evaluations]

    def evaluate_live(
        self,
        corpora: Corpora = (),
        *,
        utterances: int | None = 1200,
        seed: int = 0,
        codec: Codec = "none",
        progress: Callback | None = None,
    ) -> list[LiveEvaluation]:
        """Judge its models as they are used; see `ser_keras.evaluate_live`."""
        with at_work(progress):
            from ser_keras.training import live_evaluation

            request = live_request(utterances, seed, codec)
            results = live_evaluation.evaluate_live(self._directory, located(corpora), request)
        return [LiveEvaluation(name, folder, content) for name, folder, content in results]

    # --- how it shows itself

    @property
    def _headline(self) -> str:
        if self.finished:
            return str(self.metrics)
        return f"not finished: {len(self.folds)} folds are done; `resume=True` goes on"

    def __repr__(self) -> str:
        try:
            corpora = ", ".join(self._directory.provenance["corpora_paths"])
            return f"<Run {self.path}: {self.experiment.recipe} on {corpora}\n {self._headline}>"
        except (SerKerasError, KeyError) as error:
            return f"<Run {self.path}: {error}>"

    def _repr_html_(self) -> str:
        if self.finished:
            return self.metrics._repr_html_()
        return html_table([str(self.path)], [[self._headline]])


def live_request(utterances: int | None, seed: int, codec: Codec) -> LiveRequest:
    """How models are heard live.

    Args:
        utterances: how many of each corpus; None: all.
        seed: draws other streams.
        codec: `none`, `telephone` or `opus`.

    Raises:
        BadInput: a number or a codec that there is not.
    """
    from typing import get_args

    from ser_keras.features.streams.plan import Codec, LiveSettings
    from ser_keras.training.live_evaluation import LiveRequest

    if utterances is not None and utterances < 1:
        raise BadInput(f"`utterances` is {utterances}: it must be at least 1, or None for all")
    if not 0 <= seed < 2**31:
        raise BadInput(f"`seed` is {seed}: it must be a whole number from 0 to {2**31 - 1}")
    if codec not in get_args(Codec):
        raise BadInput(f"`codec` is '{codec}': there are {', '.join(get_args(Codec))}")
    return LiveRequest(LiveSettings(codec=codec), seed=seed, limit=utterances)
