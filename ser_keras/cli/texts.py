"""Lines for a terminal: every function that makes them from what the other rooms return."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from ser_keras.common.errors import SerKerasError
from ser_keras.common.text import duration

TYPE_CHECKING = False  # `typing` would take a tenth of the time of --help; type checkers know the name
if TYPE_CHECKING:
    from ser_keras.cli.demo import DemoResult
    from ser_keras.corpora.checking import CheckResult
    from ser_keras.corpora.corpus import Published, Reader
    from ser_keras.reproduction.result import Reproduction
    from ser_keras.runtime.benchmark import ModelReport, Report
    from ser_keras.runtime.model import ResultJson
    from ser_keras.tuning.result import SearchResult
    from ser_keras.tuning.running import DryRun, SearchPlan
    from ser_keras.tuning.space import Space


# --- errors


def internal_error(error: Exception) -> str:
    """The line about an error that no user caused."""
    first = (str(error).splitlines() or [""])[0]
    return f"internal error, please report it: {type(error).__name__}: {first} (--debug shows where)"


# --- corpora


def corpora_list(corpora: Mapping[str, Reader]) -> list[str]:
    """What can be read: two lines a corpus."""
    width = max(map(len, corpora))
    lines = []
    for name, reader in corpora.items():
        fetching = f"; `ser-keras corpora get {name}` fetches it" if reader.free_sources else ""
        language = f"; language {reader.language}" if reader.language else ""
        lines.append(f"{name:<{width}}  {reader.title}{language}; {reader.licence}")
        lines.append(f"{'':<{width}}  expects {reader.layout}{fetching}")
    return lines


def corpus_check(result: CheckResult, limit: int = 10) -> list[str]:
    """What a folder holds.

    Args:
        result: of `ser_keras.corpora.checking.check`.
        limit: how many bad files, warnings and duplicates are listed; the rest is counted.

    Returns:
        Lines, the last of which says whether the published counts are met.
    """
    from ser_keras.corpora import CORPORA
    from ser_keras.corpora.checking import nearest_edition

    published = nearest_edition(result)
    lines = [
        CORPORA[result["corpus"]].title,
        f"{result['n_utterances']} utterances, {result['n_speakers']} speakers, {result['hours']:.2f} hours, "
        + ", ".join(f"{n} at {rate} Hz" for rate, n in result["sample_rates"].items()),
        "",
    ]
    expected: Mapping[str, int] = published.emotions if published else {}
    emotions = sorted(result["emotions"].keys() | expected.keys())
    width = max([len(e) for e in emotions] + [len("emotion")])
    lines.append(
        f"{'emotion':<{width}}  {'found':>6}" + (f"  {'published':>9}  {'difference':>10}" if published else "")
    )
    for emotion in emotions:
        count = result["emotions"].get(emotion, 0)
        line = f"{emotion:<{width}}  {count:>6}"
        if published:
            difference = count - expected.get(emotion, 0)
            line += f"  {expected.get(emotion, 0):>9}  {f'{difference:+d}' if difference else '':>10}"
        lines.append(line.rstrip())
    lines.append("")
    lines += _listed("bad file", [f"{name}: {reason}" for name, reason in result["bad_files"].items()], limit)
    warnings = [f"{name}: {line}" for name, of_file in result["warnings"].items() for line in of_file]
    lines += _listed("warning", warnings, limit)
    lines += _listed("byte-identical", [" = ".join(names) for names in result["duplicates"]], limit)
    lines += result["notes"]
    lines.append(_verdict(result, published))
    return lines


def _listed(what: str, items: Sequence[str], limit: int) -> list[str]:
    # repr's escapes keep a name with a line break in it on one line
    lines = [f"{what}: {''.join(c if c.isprintable() else repr(c)[1:-1] for c in item)}" for item in items[:limit]]
    if len(items) > limit:
        lines.append(f"{what}: {len(items) - limit} more")
    return lines


def _verdict(result: CheckResult, published: Published | None) -> str:
    if published is None:
        return "no published counts to compare with"
    if result["matches_published"]:
        return "matches the published counts"
    counts = (
        ("utterances", result["n_utterances"], published.n_utterances),
        ("speakers", result["n_speakers"], published.n_speakers),
    )
    wrong = [f"{label} {n} instead of {expected}" for label, n, expected in counts if n != expected]
    wrong += [
        f"{emotion} {result['emotions'].get(emotion, 0)} instead of {n}"
        for emotion, n in published.emotions.items()
        if result["emotions"].get(emotion, 0) != n
    ]
    wrong += [f"{e} is none of its emotions" for e in result["emotions"] if e not in published.emotions]
    return "differs from the published counts: " + ", ".join(wrong)


def fetched_corpus(name: str, folder: Path, result: CheckResult | None) -> list[str]:
    """What `corpora get` brought; `result` is None where the folder held the corpus before."""
    lines = [f"{folder} holds {name} already: nothing was fetched"] if result is None else corpus_check(result)
    return [*lines, f"use it as --corpus {name}={folder}"]


# --- training and evaluation


def attention(file: Path | str, drawing: Path | SerKerasError) -> str:
    """Where a file's drawing is, or why there is none."""
    return f"{file}: {getattr(drawing, 'reason', drawing)}"


def demo(result: DemoResult) -> list[str]:
    """What the demo came to, where it is, what to try next."""
    metrics = result.run.metrics
    low, high = metrics.uar_ci95
    chance = 1 / len(metrics.classes)
    return [
        "",
        f"Speaker-independent UAR {metrics.uar:.3f} [{low:.3f}, {high:.3f}], chance {chance:.3f}, "
        f"{metrics.n_utterances} utterances of {metrics.n_speakers} speakers ({result.corpora})",
        *result.bundle.lines,
        f"Classified {result.file}: {result.predicted} (it is {result.true}; the final model was trained on it)",
        f"Report:  {result.run.report}",
        f"Bundle:  {result.bundle.path}",
        "Next:    ser-keras predict YOUR.wav",
        "         ser-keras demo --corpus emodb=PATH        the same on real speech",
        "         ser-keras train --help                    your own experiment",
    ]


# --- reproduction


def reproduction(result: Reproduction) -> list[str]:
    """The tables of a reproduction, and where they are."""
    return [*result.tables, f"table: {result.table}; page: {result.page}"] if result.table is not None else []


def refused_rows(result: Reproduction) -> str:
    """The line about the rows that could not be run, which have lines of their own above."""
    names = ", ".join(f"{row.id} ({row.setup})" for row in result.refused)
    return f"{len(result.refused)} of {len(result.rows)} rows couldn't be run: {names}; see above"


# --- tuning


def space_line(name: str, space: Space) -> str:
    """A search space in one line."""
    return f"{name:<16} {space.title}; from {space.start.recipe}, {len(space.grid())} grid points"


def search_plan(plan: SearchPlan) -> list[str]:
    """What a search is about to do."""
    lines = [f"{plan.space}: {plan.n_axes} settings vary over {plan.recipe}; objective: {plan.goal}"]
    if plan.n_grid is not None:
        n_trials = min(plan.max_trials or plan.n_grid, plan.n_grid)
        line = f"the grid has {plan.n_grid} points; {n_trials} of them are trained"
        if plan.stages is not None:
            line += f" for {plan.stages.epochs} epochs"
            line += f", then the best {plan.stages.finalists} for {plan.stages.long_epochs}"
        lines.append(line)
    else:
        at_most = f", {plan.max_trials} trials at most" if plan.max_trials else ""
        lines.append(f"strategy {plan.strategy}{at_most}")
    if plan.test_speakers is not None:
        lines.append(f"test speakers, set aside: {', '.join(plan.test_speakers)}")
    return [*lines, f"each trial: {plan.folds} folds of the other speakers, {plan.n_others}"]


def search_dry_run(result: DryRun) -> list[str]:
    """What a search would do, and how long one trial takes."""
    trial = f"a trial of the starting recipe, {result.epochs} epochs: about {duration(result.seconds)}"
    return [*search_plan(result.plan), trial]


def search_result(result: SearchResult) -> list[str]:
    """What a search found."""
    test, best = result.test, result.best
    lines = []
    if test.overlap:
        lines.append(
            f"SELECTED ON TEST MATERIAL: the starting recipe was chosen with {test.overlap} of the {test.n} test "
            "utterances (its `selected_on`); the test figures are too good"
        )
    if result.outer:
        validation = sum(fold.best.uar or 0.0 for fold in result.outer) / len(result.outer)
        low, high = test.interval
        lines.append(
            f"nested over {len(result.outer)} outer folds: test UAR {test.uar:.3f} [{low:.3f}, {high:.3f}] of the "
            f"winners{test.further_text}; their mean validation UAR"
            f"{', which chose them,' if result.objective == 'uar' else ''} was {validation:.3f}"
        )
    else:
        lines += [
            f"winner: trial {best.id} ({best.settings_text}), validation {best}",
            f"test speakers {', '.join(test.speakers)}: {test}, WA {test.wa:.3f}, {test.n} utterances; starting recipe "
            f"{result.start.uar:.3f}{result.start.further_text}",
        ]
    points, low, high = (100 * v for v in (result.difference["difference"], *result.difference["ci95"]))
    verdict = "reliable" if low > 0 or high < 0 else "not reliably different"
    lines.append(f"winner minus starting recipe: {points:+.1f} points of UAR [{low:+.1f}, {high:+.1f}], {verdict}")
    if result.fold is None:
        return [*lines, f"recipe: {result.recipe}", f"report: {result.report}"]
    of = f"(of outer fold {result.fold + 1}; everybody took part in that choice)"
    return [*lines, f"recipe: {result.recipe} {of}", f"reports: {result.report}"]


# --- prediction and benchmark


def prediction(result: ResultJson) -> str:
    """What is heard in a file, with a bar for each class."""
    ordered = sorted(result["probabilities"].items(), key=lambda item: -item[1])
    emotion = result["emotion"] if result["speech"] else "no speech"
    warnings = "".join(f"\n  note: {line}" for line in result["warnings"])
    bars = "\n".join(f"  {name:<10} {p:6.1%} {'█' * round(30 * p)}" for name, p in ordered)
    return f"{result['file']}: {emotion}\n{bars}{warnings}"


def benchmark(report: Report, n_operations: int = 8) -> list[str]:
    """What models take, side by side, and where the time goes.

    Args:
        report: of `ser_keras.runtime.benchmark.benchmark`.
        n_operations: how many operations of each model are listed; the rest is added up.
    """
    from ser_keras.runtime.benchmark import busy

    models = report["models"]
    lines = [f"{report['runtime']} on {report['machine']}", ""]
    if busy(report["load"]):
        lines.insert(1, f"note: the machine is busy (load {report['load']:g}); trust the processor time, or try again")
    heads = [m["name"] for m in models]
    rows = [("size", [f"{m['bytes'] / 1000:.0f} KB" for m in models])]
    rows.append(("window, every", [f"{m['window_s']:g} s, {m['hop_s']:g} s" for m in models]))
    for n in models[0]["threads"]:
        label = f"{n} thread{'s' if n > 1 else ''}"
        cells = [m["threads"][n] for m in models]
        rows.append((f"{label}: a window", [f"{c['median_ms']:.2f} ms, p95 {c['p95_ms']:.2f}" for c in cells]))
        rows.append(("  processor time", [f"{c['cpu_ms']:.2f} ms" for c in cells]))
        rows.append(("  first window", [f"{c['first_ms']:.1f} ms" for c in cells]))
        rows.append(("  loading", [f"{c['load_ms']:.1f} ms" for c in cells]))
        rows.append(("  memory", ["not told" if c["memory_mb"] is None else f"{c['memory_mb']:.1f} MB" for c in cells]))
        rows.append(("  real-time factor", [f"{c['real_time_factor']:.4f}" for c in cells]))
    width = max(len(title) for title, _ in rows)
    columns = [max(len(heads[i]), *(len(texts[i]) for _, texts in rows)) for i in range(len(models))]
    for title, texts in [("", heads), *rows]:
        aligned = [text.ljust(column) for text, column in zip(texts, columns, strict=True)]
        lines.append(f"{title:<{width}}  {'  '.join(aligned)}".rstrip())
    for m in models:
        lines += ["", *_operation_lines(m, n_operations)]
    return lines


def _operation_lines(model: ModelReport, n_operations: int) -> list[str]:
    """The slowest operations of a model, and the rest as one."""
    lines = [f"time by operation, {model['name']}:"]
    if model["operations"] is None:
        return [*lines, f"  not known: {model['operations_missing']}"]
    slowest, others = model["operations"][:n_operations], model["operations"][n_operations:]
    total, rest = (sum(ms for _, ms, _ in part) for part in (model["operations"], others))
    lines += [f"  {ms:7.3f} ms  {ms / total:5.1%}  {name} ({calls:g}x)" for name, ms, calls in slowest]
    return lines + ([f"  {rest:7.3f} ms  {rest / total:5.1%}  the others"] if others else [])


def with_flags(message: str, flags: Mapping[str, str]) -> str:
    """A message of the library, which names arguments as Python does (`` `out` ``, `` `resume=True` ``), for the
    terminal.

    Args:
        message: one line.
        flags: argument's name -> the command's option for it.
    """
    return re.sub(r"`(\w+)(?:=True)?`", lambda match: flags.get(match[1], match[0]), message)
