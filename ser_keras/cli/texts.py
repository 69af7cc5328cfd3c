"""Lines for a terminal: every function that makes them from what the other rooms return."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ser_keras.common.errors import SerKerasError

if TYPE_CHECKING:
    from ser_keras.cli.demo import DemoResult
    from ser_keras.corpora.checking import CheckResult
    from ser_keras.corpora.corpus import Published, Reader
    from ser_keras.evaluation import Metrics
    from ser_keras.runtime.model import ResultJson
    from ser_keras.tuning.space import Space


# --- errors


def missing_package(package: str | None) -> str:
    """Which extra brings a package."""
    extras = {"ai_edge_quantizer": "export", "flatbuffers": "export", "espeakng_loader": "demo"}
    extras |= {"keras_tuner": "tune", "grpc": "tune"}
    extra = extras.get((package or "").partition(".")[0], "train-cpu")
    return (
        f"this needs the package '{package}': pip install 'ser-keras[{extra}]' (train instead of train-cpu for a GPU)"
    )


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
        lines.append(f"{name:<{width}}  {reader.title}; {reader.licence}")
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


def headline(metrics: Metrics) -> str:
    """A run's metrics in one line."""
    low, high = metrics["uar_ci95"]
    leaky = "LEAKY " if metrics["leaky"] else ""
    segment = metrics["segment"]  # None where the classifier heard whole utterances
    windows = f"; single windows: UAR {segment['uar']:.3f}" if segment else ""
    return (
        f"{leaky}{metrics['protocol']}: UAR {metrics['uar']:.3f} [{low:.3f}, {high:.3f}], WA {metrics['wa']:.3f} "
        f"({metrics['n_utterances']} utterances, {metrics['n_speakers']} speakers, {len(metrics['classes'])} classes"
        f"{windows})"
    )


def evaluation(name: str, folder: Path, metrics: Metrics) -> list[str]:
    """What an evaluation came to, and where its tables are."""
    return [f"{name}: {headline(metrics)}", f"tables: {folder}"]


def attention(file: Path | str, drawing: Path | SerKerasError) -> str:
    """Where a file's drawing is, or why there is none."""
    return f"{file}: {getattr(drawing, 'reason', drawing)}"


def demo(result: DemoResult) -> list[str]:
    """What the demo came to, where it is, what to try next."""
    metrics = result.metrics
    low, high = metrics["uar_ci95"]
    chance = 1 / len(metrics["classes"])
    return [
        "",
        f"Speaker-independent UAR {metrics['uar']:.3f} [{low:.3f}, {high:.3f}], chance {chance:.3f}, "
        f"{metrics['n_utterances']} utterances of {metrics['n_speakers']} speakers ({result.corpora})",
        *result.exported,
        f"Classified {result.file}: {result.predicted} (it is {result.true}; the final model was trained on it)",
        f"Report:  {result.report}",
        f"Bundle:  {result.bundle}",
        "Next:    ser-keras predict YOUR.wav",
        "         ser-keras demo --corpus emodb=PATH        the same on real speech",
        "         ser-keras train --help                    your own experiment",
    ]


# --- tuning


def space_line(name: str, space: Space) -> str:
    """A search space in one line."""
    return f"{name:<16} {space.title}; from {space.start.recipe}, {len(space.grid())} grid points"


# --- prediction


def prediction(result: ResultJson) -> str:
    """What is heard in a file, with a bar for each class."""
    ordered = sorted(result["probabilities"].items(), key=lambda item: -item[1])
    emotion = result["emotion"] if result["speech"] else "no speech"
    warnings = "".join(f"\n  note: {line}" for line in result["warnings"])
    bars = "\n".join(f"  {name:<10} {p:6.1%} {'█' * round(30 * p)}" for name, p in ordered)
    return f"{result['file']}: {emotion}\n{bars}{warnings}"
