"""A whole search: its directory, its trials here or on many workers, its winner's test score, its report."""

import contextlib
import dataclasses
import logging
import os
import time
from pathlib import Path

from ser_keras.common.errors import SerKerasError, nearest
from ser_keras.common.files import read_json, write_atomic, write_json
from ser_keras.common.progress import say
from ser_keras.common.row_store import fingerprint
from ser_keras.common.text import duration
from ser_keras.experiment.provenance import provenance
from ser_keras.experiment.recipes import parse_recipe
from ser_keras.experiment.run import Run
from ser_keras.experiment.settings import dump_yaml
from ser_keras.training.data.preparation import read_corpora
from ser_keras.tuning import accounting, distributed, holdout, outcome, scoring, workers
from ser_keras.tuning.board import Board
from ser_keras.tuning.objective import MEASURES, Objective, parse_limit
from ser_keras.tuning.oracles import STRATEGIES, make_oracle
from ser_keras.tuning.report import write_report
from ser_keras.tuning.space import check, load_space
from ser_keras.tuning.trials import FoldTuner, Runner

DEFAULT_TRIALS = 20  # of the strategies that have no end of their own
MAY_CHANGE = ("max_trials", "workers", "lease_s", "stop_behind")  # when a search goes on


@dataclasses.dataclass
class Request:
    """What a search is asked to do; `DIR/search.yaml` holds it.

    Attributes:
        space: name or path.
        corpora: list of (registry name, path).
        strategy: a name in STRATEGIES.
        max_trials: greatest number of trials; None: the whole grid, or 20.
        changes: `a.b=value` strings that hold for all trials.
        folds: inner folds of a trial.
        test_speakers: names, or None for fold 0 of five speaker groups.
        outer_folds: nested cross-validation over so many groups of test speakers, or None.
        objective: a name in MEASURES.
        limits: strings like `int8_kb<=500`.
        stop_behind: share of UAR behind the best trial at which a trial is stopped.
        seed: of the strategy's draws; the trainings take the recipe's.
        workers: processes on this machine.
        lease_s: seconds after which a silent worker's trial is given to another.
    """

    space: str
    corpora: list
    strategy: str = "random"
    max_trials: int | None = None
    changes: list = dataclasses.field(default_factory=list)
    folds: int = 3
    test_speakers: list | None = None
    outer_folds: int | None = None
    objective: str = "uar"
    limits: list = dataclasses.field(default_factory=list)
    stop_behind: float = 0.1
    seed: int = 0
    workers: int = 1
    lease_s: float = 60.0

    def __post_init__(self):
        self.corpora = [(name, str(path)) for name, path in self.corpora]
        if self.strategy not in STRATEGIES:
            raise SerKerasError(f"--strategy: no '{self.strategy}'; nearest: {nearest(self.strategy, STRATEGIES)}")
        if self.objective not in MEASURES:
            raise SerKerasError(f"--objective: no '{self.objective}'; nearest: {nearest(self.objective, MEASURES)}")
        if self.max_trials is None and self.strategy in ("random", "bayesian", "random_grid"):
            self.max_trials = DEFAULT_TRIALS
        least = {"max_trials": 1, "folds": 2, "outer_folds": 2, "workers": 0, "seed": 0, "stop_behind": 0, "lease_s": 1}
        for name, smallest in least.items():
            value = getattr(self, name)
            if value is not None and value < smallest:
                raise SerKerasError(
                    f"--{name.removesuffix('_s').replace('_', '-')} {value}: must be {smallest} at least"
                )
        if self.test_speakers and self.outer_folds:
            raise SerKerasError("--test-speakers and --outer-folds exclude each other: outer folds test every speaker")

    @property
    def goal(self):
        return Objective(self.objective, tuple(parse_limit(text) for text in self.limits))


class Search:
    """The parts of a search that its chief and its workers have in common.

    Args:
        request: Request.
        quiet: don't say what of the corpora was dropped.

    Raises:
        SerKerasError: the space, the corpora or the options aren't right; nothing was written.
    """

    def __init__(self, request, quiet=False):
        self.request, self.goal, self.watch = request, request.goal, accounting.Stopwatch()
        self.started = time.monotonic()
        logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns that each trial's net is a new one
        with self.watch.part("start"):
            self.space = load_space(request.space, request.changes)
            check(self.space)
            self.materials = holdout.Materials(read_corpora(request.corpora))
        with self.watch.part("data"):
            self.prepared = self.materials(self.space.experiment({}), quiet)
        self.splits = holdout.splits(self.prepared, request.test_speakers, request.outer_folds)
        for split in self.splits:
            holdout.inner_folds(self.prepared, split, request.folds)
        self.data = holdout.data_fingerprint(self.prepared)
        self.oracle()  # a grid without steps is refused now

    def oracle(self, **kwargs):
        asked = self.request
        epochs = self.space.start.training.epochs
        return make_oracle(
            *(asked.strategy, self.space),
            max_trials=asked.max_trials,
            max_epochs=epochs,
            seed=asked.seed,
            lease_s=asked.lease_s,
            **kwargs,
        )

    def identity(self, split):
        """A hash of what may not change while a search goes on: data, space, strategy, folds and test speakers."""
        asked = dataclasses.asdict(self.request)
        decides = {name: asked[name] for name in ("strategy", "folds", "objective", "limits", "seed")}
        return fingerprint(self.data, self.described, decides, list(split.test))

    def fingerprint(self, split):
        """What a worker must share with its chief: the search, and when a trial is stopped."""
        return fingerprint(self.identity(split), self.request.stop_behind)

    @property
    def described(self):
        """The space as plain data, with the recipe that it starts from."""
        axes = [dataclasses.asdict(axis) for axis in self.space.axes]
        found = {"start": self.space.experiment({}).model_dump(mode="json"), "axes": axes}
        if self.request.strategy == "random_grid":
            found["stages"] = self.space.stages.model_dump(mode="json")
        return found

    def runner(self, split, folder, note):
        return Runner(
            self.space,
            self.materials,
            lambda prepared: holdout.inner_folds(prepared, split, self.request.folds),
            self.goal,
            self.request.stop_behind,
            folder / "trials",
            self.watch,
            note,
            keep=self.request.strategy == "hyperband",
        )


def tune(request, out, chief=None, join=None, worker_id=None):
    """Run a search into a directory, or go on with it; or help another's.

    Args:
        request: Request.
        out: the search's directory; of a worker, where its trials go.
        chief: HOST:PORT to serve workers of other machines on.
        join: HOST:PORT of the chief to work for.
        worker_id: this worker's name; None: made of host and process.

    Returns:
        Lines that say what was found; none from a worker.

    Raises:
        SerKerasError: bad settings or input, the directory holds another search or is in use, or trials fail.
    """
    if join is not None:
        workers.work(request, out, distributed.address(join, "--join"), worker_id)
        return []
    where = distributed.address(chief, "--chief") if chief else None
    if where and request.outer_folds:
        raise SerKerasError("--outer-folds runs one search after the other; give --workers instead of --chief")
    search = Search(request)
    run = Run(out)
    with run.locked():
        if where is None:  # with workers elsewhere, half-written files may be theirs
            run.sweep()
        _same_search(out, search)
        for line in announcement(search):
            say(line)
        nested = request.outer_folds is not None
        folders = [Path(out) / "outer" / str(k) for k in range(len(search.splits))] if nested else [Path(out)]
        found = []
        for k, (split, folder) in enumerate(zip(search.splits, folders, strict=True)):
            if nested:
                say(f"outer fold {k + 1}/{len(folders)}: test speakers {', '.join(split.test)}")
            table = _search(search, split, folder, where)
            found.append(scoring.conclude(search, split, folder, table))
            write_report(search, folder, table)
        if nested:
            found = [scoring.conclude_nested(search, Path(out), folders)]
        return [*found[0], f"report: {folders[0] / 'report.html'}" if not nested else f"reports: {Path(out) / 'outer'}"]


def announcement(search):
    """What a search is about to do, in lines."""
    asked, space = search.request, search.space
    lines = [f"{space.name}: {len(space.axes)} settings vary over {space.start.recipe}; objective: {search.goal}"]
    if asked.strategy in ("grid", "random_grid"):
        size = len(space.grid())
        n = min(asked.max_trials or size, size)
        stages = space.stages
        then = f" for {stages.epochs} epochs, then the best {stages.finalists} for {stages.long_epochs}"
        lines.append(
            f"the grid has {size} points; {n} of them are trained{then if asked.strategy == 'random_grid' else ''}"
        )
    else:
        lines.append(
            f"strategy {asked.strategy}" + (f", {asked.max_trials} trials at most" if asked.max_trials else "")
        )
    split = search.splits[0]
    if asked.outer_folds is None:
        lines.append(f"test speakers, set aside: {', '.join(split.test)}")
    lines.append(f"each trial: {asked.folds} folds of the other speakers, {len(split.others)}")
    return lines


def dry_run(request):
    """Check a search and say what it would do; nothing is written but the caches.

    Returns:
        Lines.
    """
    from ser_keras.training.estimate import estimate_seconds

    search = Search(request)
    prepared = search.prepared
    folds = holdout.inner_folds(prepared, search.splits[0], request.folds)
    examples = prepared.material.examples(folds[0].train)
    epochs = prepared.experiment.training.epochs
    seconds = estimate_seconds(prepared.experiment, prepared.material, examples, prepared.n_classes)
    starting = f"a trial of the starting recipe, {epochs} epochs: about {duration(seconds * epochs * request.folds)}"
    return [*announcement(search), starting]


def _same_search(out, search):
    """Write search.yaml, or refuse to go on with another search."""
    file = Path(out) / "search.yaml"
    asked = dataclasses.asdict(search.request)
    asked["corpora"] = sorted(name for name, _ in search.request.corpora)
    now = {"name": asked.pop("space"), "request": asked, "space": search.described, "data": search.data}
    now["test_speakers"] = [list(split.test) for split in search.splits]
    now = parse_recipe(dump_yaml(_plain(now)), file)
    if file.is_file():
        before = parse_recipe(file.read_text(encoding="utf-8"), file)
        if before.get("data") != now["data"]:
            raise SerKerasError(f"{out} holds a search on other data; give the corpora that it was started with")
        changed = [
            f"{key}: {before['request'].get(key)} is now {value}"
            for key, value in now["request"].items()
            if key not in MAY_CHANGE and before["request"].get(key) != value
        ]
        if changed or any(before[key] != now[key] for key in ("space", "test_speakers")):
            raise SerKerasError(
                f"{out} holds another search ({'; '.join(changed) or 'the space or its recipe was changed'}); "
                "choose another --out"
            )
    elif (Path(out) / "oracle").exists() or (Path(out) / "experiment.yaml").exists():
        raise SerKerasError(f"{out} holds something else; choose another --out")
    write_atomic(file, dump_yaml(now))
    source = Path(out) / "provenance.json"
    write_json(source, provenance(read_json(source) if source.is_file() else None))


def claim(folder, identity):
    """Take a folder for a search's trials, or refuse it: numbers of trials mean other settings in another search.

    Args:
        folder: of the search, or a worker's own.
        identity: `Search.identity`.

    Raises:
        SerKerasError: it holds another search's trials.
    """
    file = Path(folder) / "identity"
    if file.is_file() and file.read_text(encoding="utf-8").strip() != identity:
        raise SerKerasError(f"{folder} holds trials of another search; choose another --out")
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(file, f"{identity}\n")


def _plain(value):
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value


def _search(search, split, folder, where):
    """All trials of one search, here or by workers; returns outcome's rows."""
    asked = search.request
    oracle = search.oracle()
    claim(folder, search.identity(split))
    oracle._set_project_dir(str(folder), "oracle")
    distributed_search = where is not None or asked.workers > 1
    oracle.reload(keep_ongoing=where is not None)
    if oracle.is_over and oracle.trials:
        return outcome.rows(oracle)
    board = Board(search, oracle, folder)
    with board:
        if distributed_search:
            _with_workers(search, split, folder, oracle, where, board)
        else:
            _alone(search, split, folder, oracle, board)
    if oracle.trouble and not oracle.is_over:
        raise SerKerasError(f"{oracle.trouble}; once that is mended, the same command goes on")
    return outcome.rows(oracle)


def _alone(search, split, folder, oracle, board):
    session = accounting.Session(session_file(folder, "worker"), search.watch, search.started)
    runner = search.runner(split, folder, session.note)
    tuner = FoldTuner(oracle, runner, folder / "oracle", "tuner0", board.changed)
    tuner.search()
    session.note()
    search.watch.seconds.update(dict.fromkeys(search.watch.seconds, 0.0))
    search.started = time.monotonic()


def _with_workers(search, split, folder, oracle, where, board):
    host, port = where or ("127.0.0.1", 0)
    chief = distributed.Chief(oracle, host, port, search.fingerprint(split))
    n = search.request.workers
    crew = workers.Crew(search, split, folder, n, chief.port, oracle) if n else contextlib.nullcontext()
    try:
        with crew:
            if where:
                say(f"serving workers on {host}:{chief.port}; `ser-keras tune ... --join HOST:{chief.port}` adds one")

            def tick():
                if n:
                    crew.look_after()
                board.changed()

            chief.wait(tick)
    finally:
        chief.stop()


def session_file(folder, name):
    """Where one process of a search keeps account of its time."""
    return folder / "time" / f"{name}-{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}.json"
