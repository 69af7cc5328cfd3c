"""Several runs side by side: seeds of the same settings aggregated, differences paired."""

from __future__ import annotations

import itertools
import json
import statistics
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypedDict

import numpy as np

from ser_keras.common.errors import SerKerasError
from ser_keras.corpora import CORPORA
from ser_keras.evaluation import MetricsJson, PairedDifference, Predictions, paired_difference
from ser_keras.evaluation.reports import plots
from ser_keras.evaluation.reports.page import picture, write_page
from ser_keras.evaluation.reports.run_data import RunData, load_run

ALL_PAIRS = 6  # with more runs, each is paired with the first one only
NOT_SETTINGS = ("seed", "title", "source")  # what doesn't make two runs different experiments


class NamedRun(NamedTuple):
    """A run with a short name that tells it from the others; `metrics` is the run's, which every one here has."""

    name: str
    run: RunData
    metrics: MetricsJson


class RunRow(TypedDict):
    """A run for the template."""

    name: str
    recipe: str
    corpora: str
    protocol: str
    leaky: bool
    n: int | None
    speakers: int | None
    seed: int | None
    uar: float | None
    interval: Sequence[float | None] | None
    wa: float | None
    f1: float | None
    window_uar: float | None
    recalls: Mapping[str, float | None]
    seconds: float | None


class Spread(TypedDict):
    """Mean and standard deviation (n - 1) over runs; None without data."""

    mean: float | None
    sd: float | None


class Difference(TypedDict, total=False):
    """Two runs' paired difference (a minus b), or `problem`: why there is none."""

    a: str
    b: str
    problem: str | None
    difference: float
    ci95: tuple[float, float]
    method: str
    reading: str


def write_comparison(run_dirs: Sequence[Path | str], out: Path | str) -> Path:
    """Write one HTML file that compares runs.

    Metrics of different class sets stand in tables of their own and are not compared; differences are given only
    for runs that judged the same utterances.

    Args:
        run_dirs: the run directories, two or more.
        out: the file to write, or a folder that gets a `comparison.html`.

    Returns:
        Path of the file.

    Raises:
        SerKerasError: fewer than two runs, one that is none, or one without metrics.
    """
    loaded = [load_run(path) for path in run_dirs]
    if len(loaded) < 2:
        raise SerKerasError(f"a comparison needs two runs or more, {len(loaded)} given")
    runs: list[NamedRun] = []
    for name, run in zip(_names(loaded), loaded, strict=True):
        if run.metrics is None:
            raise SerKerasError(f"{run.path} has no figures to compare; finish it with `ser-keras train ... --resume`")
        runs.append(NamedRun(name, run, run.metrics))
    class_sets: dict[tuple[str, ...], list[NamedRun]] = {}
    for named in runs:
        class_sets.setdefault(tuple(sorted(named.metrics["classes"])), []).append(named)
    out = Path(out)
    if out.is_dir() or not out.suffix:
        out = out / "comparison.html"
    write_page(
        out,
        "comparison.html",
        n_runs=len(runs),
        protocols=sorted({str(run.protocol) for _, run, _ in runs}),
        leaky=[name for name, _, metrics in runs if metrics.get("leaky")],
        synthetic=[name for name, run, _ in runs if run.synthetic],
        sections=[_section(classes, members) for classes, members in class_sets.items()],
    )
    return out


def _section(classes: tuple[str, ...], runs: Sequence[NamedRun]) -> dict[str, object]:
    """What the template shows of the runs of one class set."""
    rows = [_row(run) for run in runs]
    bars: list[plots.Bar] = []
    for row in rows:
        low, high = row["interval"] or (None, None)
        bars.append((row["name"], row["uar"], low, high))
    pairs = list(itertools.combinations(runs, 2))
    if len(runs) > ALL_PAIRS:
        pairs = [(runs[0], other) for other in runs[1:]]
    words = ", ".join(f"{row['name']} {100 * row['uar']:.1f} %" for row in rows if row["uar"] is not None)
    return {
        "classes": classes,
        "rows": rows,
        "groups": _groups(runs),
        "differences": [_difference(a, b) for a, b in pairs],
        "first_only": len(runs) > ALL_PAIRS,
        "picture": picture(lambda theme: plots.comparison(bars, 1 / len(classes), theme), f"UAR of each run: {words}"),
    }


def _row(named: NamedRun) -> RunRow:
    name, run, metrics = named
    segment = metrics.get("segment")
    return {
        "name": name,
        "recipe": run.recipe,
        "corpora": ", ".join(str(c.get("name")) for c in run.corpora),
        "protocol": str(run.protocol).replace("_", " "),
        "leaky": bool(metrics.get("leaky")),
        "n": metrics.get("n_utterances"),
        "speakers": metrics.get("n_speakers"),
        "seed": metrics.get("seed"),
        "uar": metrics.get("uar"),
        "interval": metrics.get("uar_ci95"),
        "wa": metrics.get("wa"),
        "f1": metrics.get("macro_f1"),
        "window_uar": segment.get("uar") if segment else None,
        "recalls": metrics.get("per_class_recall") or {},
        "seconds": run.provenance.get("seconds"),
    }


def _groups(runs: Sequence[NamedRun]) -> list[dict[str, object]]:
    """Runs that differ in nothing but the seed, with the mean and deviation of their metrics."""
    groups: dict[str, list[NamedRun]] = {}
    for named in runs:
        name, run, _ = named
        settings = {key: value for key, value in run.experiment.items() if key not in NOT_SETTINGS}
        # without settings nothing says that two runs are of one experiment
        key = json.dumps([settings or name, run.protocol], sort_keys=True, default=str)
        groups.setdefault(key, []).append(named)
    return [
        {
            "recipe": members[0].run.recipe,
            "names": [name for name, *_ in members],
            "seeds": [metrics.get("seed") for *_, metrics in members],
            "differs": _differing(members[0].run, [run for _, run, _ in runs]),
            "uar": _spread([metrics.get("uar") for *_, metrics in members]),
            "wa": _spread([metrics.get("wa") for *_, metrics in members]),
            "macro_f1": _spread([metrics.get("macro_f1") for *_, metrics in members]),
        }
        for members in groups.values()
    ]


def _differing(run: RunData, runs: Sequence[RunData]) -> list[str]:
    """Settings in which a run differs from others of its recipe, as `name=value`."""
    same_recipe = [_flat(r.experiment) for r in runs if r.recipe == run.recipe]
    settings_of_run = _flat(run.experiment)
    names = sorted({name for settings in same_recipe for name in settings})
    return [
        f"{name}={settings_of_run.get(name)}"
        for name in names
        if name not in NOT_SETTINGS and len({str(settings.get(name)) for settings in same_recipe}) > 1
    ]


def _flat(tree: object, prefix: str = "") -> dict[str, object]:
    if not isinstance(tree, dict):
        return {prefix.rstrip("."): tree}
    return {key: leaf for name, branch in tree.items() for key, leaf in _flat(branch, f"{prefix}{name}.").items()}


def _spread(values: Sequence[float | None]) -> Spread:
    present = [value for value in values if value is not None]
    return {
        "mean": statistics.fmean(present) if present else None,
        "sd": statistics.stdev(present) if len(present) > 1 else None,
    }


def _difference(first: NamedRun, second: NamedRun) -> Difference:
    """The paired difference of two runs, or the reason why there is none."""
    result = _paired_difference(first, second)
    if isinstance(result, str):
        return {"a": first.name, "b": second.name, "problem": result}
    reading = _reading(result, first.name, second.name, same_protocol=_judged(first) == _judged(second))
    return {
        "a": first.name,
        "b": second.name,
        "problem": None,
        "difference": result["difference"],
        "ci95": result["ci95"],
        "method": result["method"],
        "reading": reading,
    }


def _paired_difference(first: NamedRun, second: NamedRun) -> PairedDifference | str:
    """The paired difference of two runs, or the reason why there is none."""
    (name_a, a, _), (name_b, b, _) = first, second
    if a.predictions is None or b.predictions is None:
        return f"no predictions.csv in {name_a if a.predictions is None else name_b}"
    keys_a, keys_b = _utterances(a.predictions), _utterances(b.predictions)
    if keys_a is None or keys_b is None:
        return f"{name_a if keys_a is None else name_b} judges some utterance more than once"
    if keys_a.keys() != keys_b.keys():
        common = len(keys_a.keys() & keys_b.keys())
        return f"not the same utterances: {len(keys_a)} and {len(keys_b)}, {common} of them in common"
    rows_a, rows_b = np.array(list(keys_a.values())), np.array([keys_b[key] for key in keys_a])
    if other := _other_audio(a, b):
        return f"the same file names, but {other} isn't the same audio and labels in both"
    classes = a.predictions.classes
    to_a = np.array([classes.index(name) for name in b.predictions.classes])  # the classes' order may differ
    true = a.predictions.true[rows_a]
    if not np.array_equal(true, to_a[b.predictions.true[rows_b]]):
        return "the same utterances carry other labels"
    return paired_difference(
        true,
        a.predictions.predicted[rows_a],
        to_a[b.predictions.predicted[rows_b]],
        speakers=a.predictions.speaker[rows_a],
        n_classes=len(classes),
    )


def _other_audio(a: RunData, b: RunData) -> str | None:
    """A corpus of one's own that two runs were given in two versions, by its fingerprints; None where there is none."""
    public = {name for name, reader in CORPORA.items() if not reader.is_collection}
    marks = [{c.get("name"): c.get("fingerprint") for c in run.corpora} for run in (a, b)]
    shared = sorted(str(name) for name in marks[0].keys() & marks[1].keys() if name not in public)
    return next((name for name in shared if marks[0][name] != marks[1][name]), None)


def _judged(named: NamedRun) -> tuple[str | None, bool]:
    """What two runs must share before one can be called better: a run may leak through its initial weights too."""
    return named.run.protocol, bool(named.metrics.get("leaky"))


def _reading(result: PairedDifference, name_a: str, name_b: str, *, same_protocol: bool) -> str:
    low, high = result["ci95"]
    if not same_protocol:
        return "not comparable: other protocols, or one is leaky"
    if low <= 0 <= high:
        return "no reliable difference"
    return f"{name_a if low > 0 else name_b} is better on this material"


def _utterances(table: Predictions) -> dict[Hashable, int] | None:
    """Utterance -> row of a table; by file, with times where files hold several. None where rows repeat."""
    keys: list[Hashable] = list(zip(table.corpus, table.file, strict=True))
    if len(set(keys)) < len(keys):
        keys = list(zip(keys, table.start.tolist(), table.end.tolist(), strict=True))
    rows = {key: row for row, key in enumerate(keys)}
    return rows if len(rows) == len(keys) else None


def _names(runs: Sequence[RunData]) -> list[str]:
    """Short names that tell the runs apart: the folders' names, with parents only where they are needed."""
    paths = [run.path.resolve() for run in runs]
    for depth in range(1, max(len(path.parts) for path in paths) + 1):
        names = ["/".join(path.parts[-depth:]) for path in paths]
        if len(set(names)) == len(set(paths)):
            break
    return [f"{name} ({i})" if names.index(name) != i else name for i, name in enumerate(names)]
