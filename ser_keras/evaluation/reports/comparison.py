"""Several runs side by side: seeds of the same settings aggregated, differences paired."""

import itertools
import json
import statistics
from pathlib import Path

import numpy as np

from ser_keras.common.errors import SerKerasError
from ser_keras.corpora import CORPORA
from ser_keras.evaluation import paired_difference
from ser_keras.evaluation.reports import plots
from ser_keras.evaluation.reports.page import picture, write_page
from ser_keras.evaluation.reports.run_data import load_run

ALL_PAIRS = 6  # with more runs, each is paired with the first one only
NOT_SETTINGS = ("seed", "title", "source")  # what doesn't make two runs different experiments


def write_comparison(run_dirs, out):
    """Write one HTML file that compares runs.

    Figures of different class sets stand in tables of their own and are not compared; differences are given only
    for runs that judged the same utterances.

    Args:
        run_dirs: the run directories, two or more.
        out: the file to write, or a folder that gets a `comparison.html`.

    Returns:
        Path of the file.

    Raises:
        SerKerasError: fewer than two runs, one that is none, or one without figures.
    """
    runs = [load_run(path) for path in run_dirs]
    if len(runs) < 2:
        raise SerKerasError(f"a comparison needs two runs or more, {len(runs)} given")
    for run in runs:
        if run.metrics is None:
            raise SerKerasError(f"{run.path} has no figures to compare; finish it with `ser-keras train ... --resume`")
    names = _names(runs)
    class_sets = {}
    for name, run in zip(names, runs, strict=True):
        class_sets.setdefault(tuple(sorted(run.metrics["classes"])), []).append((name, run))
    out = Path(out)
    if out.is_dir() or not out.suffix:
        out = out / "comparison.html"
    write_page(
        out,
        "comparison.html",
        n_runs=len(runs),
        protocols=sorted({str(run.protocol) for run in runs}),
        leaky=[name for name, run in zip(names, runs, strict=True) if run.metrics.get("leaky")],
        synthetic=[name for name, run in zip(names, runs, strict=True) if run.synthetic],
        sections=[_section(classes, named) for classes, named in class_sets.items()],
    )
    return out


def _section(classes, named):
    """What the template shows of the runs of one class set."""
    rows = [_row(name, run) for name, run in named]
    bars = [(row["name"], row["uar"], *(row["interval"] or (None, None))) for row in rows]
    pairs = list(itertools.combinations(named, 2))
    if len(named) > ALL_PAIRS:
        pairs = [(named[0], other) for other in named[1:]]
    words = ", ".join(f"{row['name']} {100 * row['uar']:.1f} %" for row in rows if row["uar"] is not None)
    return {
        "classes": classes,
        "rows": rows,
        "groups": _groups(named),
        "differences": [_difference(a, b) for a, b in pairs],
        "first_only": len(named) > ALL_PAIRS,
        "picture": picture(lambda theme: plots.comparison(bars, 1 / len(classes), theme), f"UAR of each run: {words}"),
    }


def _row(name, run):
    metrics = run.metrics
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
        "window_uar": (metrics.get("segment") or {}).get("uar"),
        "recalls": metrics.get("per_class_recall") or {},
        "seconds": run.provenance.get("seconds"),
    }


def _groups(named):
    """Runs that differ in nothing but the seed, with the mean and deviation of their figures."""
    groups = {}
    for name, run in named:
        settings = {key: value for key, value in run.experiment.items() if key not in NOT_SETTINGS}
        # without settings nothing says that two runs are of one experiment
        key = json.dumps([settings or name, run.protocol], sort_keys=True, default=str)
        groups.setdefault(key, []).append((name, run))
    return [
        {
            "recipe": members[0][1].recipe,
            "names": [name for name, _ in members],
            "seeds": [run.metrics.get("seed") for _, run in members],
            "differs": _differing(members[0][1], [run for _, run in named]),
            **{key: _spread([run.metrics.get(key) for _, run in members]) for key in ("uar", "wa", "macro_f1")},
        }
        for members in groups.values()
    ]


def _differing(run, runs):
    """Settings in which a run differs from others of its recipe, as `name=value`."""
    same_recipe = [_flat(r.experiment) for r in runs if r.recipe == run.recipe]
    own = _flat(run.experiment)
    names = sorted({name for settings in same_recipe for name in settings})
    return [
        f"{name}={own.get(name)}"
        for name in names
        if name not in NOT_SETTINGS and len({str(settings.get(name)) for settings in same_recipe}) > 1
    ]


def _flat(tree, prefix=""):
    if not isinstance(tree, dict):
        return {prefix.rstrip("."): tree}
    return {key: leaf for name, branch in tree.items() for key, leaf in _flat(branch, f"{prefix}{name}.").items()}


def _spread(values):
    values = [value for value in values if value is not None]
    return {
        "mean": statistics.fmean(values) if values else None,
        "sd": statistics.stdev(values) if len(values) > 1 else None,
    }


def _difference(first, second):
    """The paired difference of two named runs, or the reason why there is none."""
    (name_a, a), (name_b, b) = first, second
    row = {"a": name_a, "b": name_b, "problem": None}
    if a.predictions is None or b.predictions is None:
        return row | {"problem": f"no predictions.csv in {name_a if a.predictions is None else name_b}"}
    keys_a, keys_b = _utterances(a.predictions), _utterances(b.predictions)
    if keys_a is None or keys_b is None:
        return row | {"problem": f"{name_a if keys_a is None else name_b} judges some utterance more than once"}
    if keys_a.keys() != keys_b.keys():
        common = len(keys_a.keys() & keys_b.keys())
        return row | {
            "problem": f"not the same utterances: {len(keys_a)} and {len(keys_b)}, {common} of them in common"
        }
    rows_a, rows_b = np.array(list(keys_a.values())), np.array([keys_b[key] for key in keys_a])
    if other := _other_audio(a, b):
        return row | {"problem": f"the same file names, but {other} isn't the same audio and labels in both"}
    classes = a.predictions.classes
    to_a = np.array([classes.index(name) for name in b.predictions.classes])  # the classes' order may differ
    true = a.predictions.true[rows_a]
    if not np.array_equal(true, to_a[b.predictions.true[rows_b]]):
        return row | {"problem": "the same utterances carry other labels"}
    result = paired_difference(
        true,
        a.predictions.predicted[rows_a],
        to_a[b.predictions.predicted[rows_b]],
        a.predictions.speaker[rows_a],
        len(classes),
    )
    return row | result | {"reading": _reading(result, name_a, name_b, same_protocol=_judged(a) == _judged(b))}


def _other_audio(a, b):
    """A corpus of one's own that two runs were given in two versions, by its fingerprints; None where there is none."""
    public = {name for name, reader in CORPORA.items() if not reader.is_collection}
    marks = [{c.get("name"): c.get("fingerprint") for c in run.corpora} for run in (a, b)]
    shared = sorted(str(name) for name in marks[0].keys() & marks[1].keys() if name not in public)
    return next((name for name in shared if marks[0][name] != marks[1][name]), None)


def _judged(run):
    """What two runs must share before one can be called better: a run may leak through its initial weights too."""
    return run.protocol, bool(run.metrics.get("leaky"))


def _reading(result, name_a, name_b, same_protocol):
    low, high = result["ci95"]
    if not same_protocol:
        return "not comparable: other protocols, or one is leaky"
    if low <= 0 <= high:
        return "no reliable difference"
    return f"{name_a if low > 0 else name_b} is better on this material"


def _utterances(table):
    """Utterance -> row of a table; by file, with times where files hold several. None where rows repeat."""
    keys = list(zip(table.corpus, table.file, strict=True))
    if len(set(keys)) < len(keys):
        keys = list(zip(keys, table.start.tolist(), table.end.tolist(), strict=True))
    rows = {key: row for row, key in enumerate(keys)}
    return rows if len(rows) == len(keys) else None


def _names(runs):
    """Short names that tell the runs apart: the folders' names, with parents only where they are needed."""
    paths = [run.path.resolve() for run in runs]
    for depth in range(1, max(len(path.parts) for path in paths) + 1):
        names = ["/".join(path.parts[-depth:]) for path in paths]
        if len(set(names)) == len(set(paths)):
            break
    return [f"{name} ({i})" if names.index(name) != i else name for i, name in enumerate(names)]
