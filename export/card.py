"""model_card.md: what the model is, what it reaches on strangers' voices, and what it must not be used for."""

from __future__ import annotations

import shlex
import statistics
from collections.abc import Collection, Mapping

from ser_keras.audio.samples import SAMPLE_RATE
from ser_keras.corpora import CORPORA
from ser_keras.export.bundle_json import Description, FileEntry, Origin, Tree, WindowEstimate
from ser_keras.export.figures import figure, with_interval
from ser_keras.export.licence import FREE, NAME, corpora_of, share_alike, terms_line
from ser_keras.export.live_card import live_section
from ser_keras.export.variants import ALWAYS, INT8_WEIGHTS, VARIANTS
from ser_keras.runtime.benchmark import busy

FOLDERS = {"augmentation.noise_dir": "NOISES", "augmentation.room_dir": "ROOMS"}


def anonymous(command: str, corpora: Collection[str]) -> str:
    """A recorded command that trains the whole run anywhere: words for paths, no --fold and no --resume."""
    try:
        words = shlex.split(command)
    except ValueError:
        return ""
    stands_for = {"--out": "RUN", "--init": "INIT", "--recipe": "RECIPE.yaml"}
    result = []
    for i, word in enumerate(words):
        # They say how far one call went, and nothing about the run.
        if word == "--resume" or "--fold" in (word.partition("=")[0], words[i - 1] if i else ""):
            continue
        option, joined, value = word.partition("=")
        if not (joined and option in stands_for):
            option, joined, value = (words[i - 1] if i else ""), "", word
        name, equals, path = word.removeprefix("--corpus=").partition("=")
        if equals and name in FOLDERS:
            result.append(f"{name}={FOLDERS[name]}")
        elif equals and name in corpora:
            result.append(word.removesuffix(path) + "PATH")
        elif option in stands_for and (option != "--recipe" or "/" in value or value.endswith(".yaml")):
            result.append((f"{option}=" if joined else "") + stands_for[option])
        else:
            result.append(word)
    return shlex.join(result)


def render(description: Description, files: Mapping[str, FileEntry], experiment: Tree, *, metrics: Tree) -> str:
    """The card.

    Args:
        description: content of bundle.json, without its `files`.
        files: file name -> checksum and size.
        experiment: content of experiment.yaml.
        metrics: content of metrics.json, {} where the run has none.

    Returns:
        Markdown text.
    """
    origin = description["created_from"]
    sections = [
        _what(description, experiment, origin),
        _warnings(origin, metrics),
        live_section(description.get("live", [])),
        _results(description, metrics),
        _classes(metrics),
        _groups(description),
        _corpora(metrics),
        _calibration(metrics, origin),
        _speakers(metrics),
        _conditions(description, metrics),
        _data(origin),
        _files(description, files),
        _use(),
        _again(description, origin),
    ]
    return "\n\n".join(s for s in sections if s) + "\n"


def _what(description: Description, experiment: Tree, origin: Origin) -> str:
    part = (
        "the final model, trained on all speakers"
        if origin["fold"] is None
        else f"the model of fold {origin['fold']} alone"
    )
    seconds = description["window_samples"] / SAMPLE_RATE
    return (
        f"# {origin['recipe']}: speech emotion recognition\n\n"
        f"{origin['title'] or 'A speech emotion classifier'}. This is {part}. It maps {seconds:g} s of speech "
        f"({description['window_samples']} mono samples in [-1, 1] at {description['sample_rate']} Hz) "
        f"to the probabilities of {len(description['classes'])} classes: {_class_names(description)}. "
        f"The front end (`{(experiment.get('frontend') or {}).get('name', 'unknown')}`) is part of the graph. "
        f"Longer audio is cut into windows every {description['hop_samples'] / SAMPLE_RATE:g} s, "
        "and their probabilities are averaged."
    )


def _class_names(description: Description) -> str:
    """The classes; of one that several emotions were merged into, or one of another name, these too."""
    merged = description["class_emotions"].items()
    return ", ".join(name if emotions == [name] else f"{name} ({' or '.join(emotions)})" for name, emotions in merged)


def _warnings(origin: Origin, metrics: Tree) -> str:
    lines = []
    if metrics.get("leaky"):
        lines.append(
            f"> **Leaky evaluation** (protocol `{origin['protocol']}`): {metrics.get('leaky_reason') or 'not stated'}. "
            "The figures below are higher than on new voices."
        )
    if not all(CORPORA[c["name"]].human for c in origin["corpora"] if c["name"] in CORPORA):
        lines.append(
            "> **Synthetic speech**: trained or tested on synthesised voices, for demonstration. Not for use on people."
        )
    return "\n\n".join(lines)


def _results(description: Description, metrics: Tree) -> str:
    chance = f"chance is {1 / len(description['classes']):.3f}"
    lines = ["## What it reaches on files of the corpus", ""]
    if metrics:
        lines += [
            f"Protocol `{metrics['protocol']}`: {metrics['n_utterances']} utterances of "
            f"{metrics['n_speakers']} speakers, each classified by a model that was trained without its fold. "
            f"UAR is the unweighted mean of the classes' recalls; {chance}.",
            "",
        ]
    head = "| model | UAR [95 % interval] | WA | same decision as Keras: utterances | single windows |"
    lines += [head, "| --- | --- | --- | --- | --- |"]
    if metrics:
        lines.append(f"| Keras | {with_interval(metrics['uar'], metrics['uar_ci95'])} | {figure(metrics['wa'])} | | |")
    for name, figures in description["uar_estimate"].items():
        if figures is None:
            lines.append(f"| `{name}` | not measured | | | |")
            continue
        windows = figures["windows"]
        lines.append(
            f"| `{name}` | {with_interval(figures['uar'], figures['ci95'])} | {figure(figures['wa'])} "
            f"| {100 * figures['agreement']:.1f} % of {figures['n']} "
            f"| {_share(windows)} |"
        )
    if description["uar_estimate_missing"]:
        lines += ["", f"The converted files were not measured on test audio: {description['uar_estimate_missing']}."]
    else:
        lines += ["", "The rows of files: each fold's model was converted in the same way and run on its test audio."]
        lines += [flips] if (flips := _flips(description)) else []
    if metrics.get("ci_method"):
        lines += ["", f"Interval: {metrics['ci_method']}."]
    return "\n".join(lines)


def _share(windows: WindowEstimate | None) -> str:
    return "" if windows is None else f"{100 * windows['agreement']:.1f} % of {windows['n']}"


def _flips(description: Description) -> str:
    """How close to a coin's toss the default's changed decisions were."""
    figures = description["uar_estimate"][description["default"]]
    windows = figures and figures["windows"]
    if not windows or not windows["flips"]:
        return ""
    return (
        f"Of `{description['default']}`'s windows {windows['flips']} changed their class; there Keras preferred its "
        f"own by at most {windows['largest_flip_margin']:.3f} (largest difference of a probability: "
        f"{windows['largest']:.3f})."
    )


def _classes(metrics: Tree) -> str:
    if not metrics:
        return ""
    counts, recall = metrics["classes"], metrics["per_class_recall"]
    rows = [f"| {name} | {counts.get(name, '')} | {figure(value)} |" for name, value in recall.items()]
    return "\n".join(["## Recall of each class", "", "| class | utterances | recall |", "| --- | --- | --- |", *rows])


def _groups(description: Description) -> str:
    """By gender, as the default file decided."""
    figures = description["uar_estimate"].get(description["default"])
    groups = figures and figures["by_gender"]
    if not groups:
        return ""
    rows = [f"| {name} | {group['n']} | {figure(group['uar'])} |" for name, group in groups.items()]
    return "\n".join(
        [
            f"## By gender (`{description['default']}`)",
            "",
            "| gender | utterances | UAR |",
            "| --- | --- | --- |",
            *rows,
        ]
    )


def _corpora(metrics: Tree) -> str:
    corpora = metrics.get("per_corpus") or {}
    if len(corpora) < 2:
        return ""
    rows = [
        f"| {name} | {part['n']} | {with_interval(part['uar'], part['uar_ci95'])} | {figure(part['wa'])} |"
        for name, part in sorted(corpora.items())
    ]
    note = "Over the classes that a corpus has; an answer that it hasn't counts as wrong."
    head = ["| corpus | utterances | UAR [95 % interval] | WA |", "| --- | --- | --- | --- |"]
    return "\n".join(["## By corpus (Keras)", "", note, "", *head, *rows])


def _calibration(metrics: Tree, origin: Origin) -> str:
    """What a probability is worth."""
    if metrics.get("ece") is None:
        return ""
    text = f"Expected calibration error of the Keras model, 15 bins, by utterance: {100 * metrics['ece']:.1f} points"
    temperature = origin.get("temperature")
    if (metrics.get("segment") or {}).get("ece") is not None:
        text += f", by window {100 * metrics['segment']['ece']:.1f}"
    if temperature:
        text += f". The weights hold a temperature of {temperature:g}, chosen on training speakers left out in turn"
    return f"## How sure it is\n\n{text}. In other rooms and with other people it may be surer than it should be."


def _conditions(description: Description, metrics: Tree) -> str:
    title = "## In worse conditions"
    if not description["conditions"]:
        return f"{title}\n\nNot measured (`ser-keras evaluate RUN --condition noise:20` before the export does it)."
    rows = [
        f"| {row['condition']} | {with_interval(row['uar'], row['ci95'])} | {figure(row['wa'])} |"
        for row in description["conditions"]
    ]
    if metrics:
        rows.insert(
            0, f"| as recorded | {with_interval(metrics['uar'], metrics['uar_ci95'])} | {figure(metrics['wa'])} |"
        )
    text = (
        "The same folds' Keras models on the same test speakers, the test audio distorted as `docs/conditions.md` says."
    )
    return "\n".join([title, "", text, "", "| condition | UAR [95 % interval] | WA |", "| --- | --- | --- |", *rows])


def _speakers(metrics: Tree) -> str:
    per_speaker = metrics.get("per_speaker") or {}
    figures = sorted((entry["uar"], name) for name, entry in per_speaker.items() if entry.get("uar") is not None)
    if len(figures) < 2:
        return ""
    (low, worst), (high, best) = figures[0], figures[-1]
    middle = statistics.median(uar for uar, _ in figures)
    return (
        "## From speaker to speaker\n\n"
        f"UAR of single speakers runs from {low:.3f} ({worst}) to {high:.3f} ({best}), median {middle:.3f}, over "
        f"{len(figures)} speakers. Expect such a spread among users."
    )


def _data(origin: Origin) -> str:
    rows = [
        f"| {c['title'] or c['name']} | {c['n_utterances'] or ''} | {c['n_speakers'] or ''} "
        f"| {c['licence'] or 'not stated'} |"
        for c in origin["corpora"]
    ]
    names = {c["name"] for c in origin["corpora"]}
    readers = [CORPORA[name] for name in sorted(names & set(CORPORA))]
    notes = [f"- {reader.name}: {reader.limits}" for reader in readers if reader.limits]
    if any(reader.acted for reader in readers):
        notes.append(
            "- The emotions are acted, and recorded in a studio. Spontaneous speech, noise, other microphones, "
            "languages, ages and accents were not tested; expect clearly lower figures there."
        )
    if share_alike(origin):
        notes.append(
            f"- The weights are under {NAME} as their corpora are, **not for commercial use**: see `LICENSE.md`."
        )
    elif corpora_of(origin) and all(c.get("licence") == FREE for c in corpora_of(origin)):
        notes.append(
            f"- No corpus asks anything of the weights ({FREE}). Those that come with ser-keras are under its own "
            "licence, Apache-2.0."
        )
    if terms := terms_line(origin):
        notes.append(f"- {terms}")
    table = (
        ["| corpus | utterances | speakers | licence |", "| --- | --- | --- | --- |", *rows]
        if rows
        else ["Not recorded."]
    )
    return "\n".join(["## Training data", "", *table, "", *notes]).rstrip()


def _files(description: Description, files: Mapping[str, FileEntry]) -> str:
    head = "| file | what is in it | KB | ms a window, 1 / 2 threads | processor ms | MB of memory "
    head += "| largest difference from Keras |"
    rows = [
        f"| `{name}`{' (default)' if name == description['default'] else ''} | {description['variants'][name]} "
        f"| {files[name]['bytes'] / 1000:.0f} | {entry['median_ms']:.2f} / {entry['two_threads']['median_ms']:.2f} "
        f"| {entry['cpu_ms']:.2f} "
        f"| {'not told' if entry['memory_mb'] is None else round(entry['memory_mb'])} "
        f"| {description['difference'][name]['largest']:.1e} |"
        for name, entry in description["latency"].items()
    ]
    rows += [f"Left out: `{name}`: {reason}." for name, reason in description["left_out"].items()]
    first = description["latency"][description["default"]]
    measured = (
        f"Times: {first['runtime']}, {first['machine']}, median; real-time factor of the default on one thread: "
        f"{first['real_time_factor']:.4f}. The front end is float32 in every file."
    )
    if busy(first["load"]):
        measured += f" The machine was busy (load {first['load']:g}): of the times, the processor's own can be trusted."
    online = (
        f"`{description['step']['file']}` takes audio chunk by chunk and carries its state on."
        if description["step"]
        else f"It runs on windows, not chunk by chunk: the {description['step_missing']}."
    )
    refused = [
        f"`{name}` must not be run by {runtime} (`ser_keras` refuses it)."
        for name in description["latency"]
        for runtime, entry in description["parity"][name].items()
        if isinstance(entry, dict) and "refused" in entry
    ]
    sums = [f"{files[name]['sha256']}  {name}" for name in files if name.endswith(".tflite")]
    table = [
        "## Files",
        "",
        head,
        "| --- | --- | --- | --- | --- | --- | --- |",
        *rows,
        "",
        measured,
        "",
        online,
        *refused,
    ]
    return "\n".join([*table, "", "Checksums (sha256):", "", "```", *sums, "```"])


def _use() -> str:
    return (
        "## Use and misuse\n\n"
        "Made for research, teaching and demonstrations: exploring how emotion is expressed in voices, prototyping "
        "an interface that its user can see and overrule.\n\n"
        "Not for decisions about people: hiring, policing, credit, insurance, diagnosis, monitoring of employees or "
        "pupils (inferring emotions at work and in education is prohibited in the EU, Regulation 2024/1689, article "
        "5). The model hears how a voice sounds; it doesn't know what a person feels. Probabilities are not "
        "calibrated for new voices. Tell people when they are analysed."
    )


def _again(description: Description, origin: Origin) -> str:
    command = origin["command"] or "(not recorded)"
    export = "ser-keras export RUN --out BUNDLE" + ("" if origin["fold"] is None else f" --fold {origin['fold']}")
    export += " --all-variants" if len(description["variants"]) > len(ALWAYS) else ""
    name = next(name for name, variant in VARIANTS.items() if variant.file == description["default"])
    export += "" if name == INT8_WEIGHTS else f" --default {name}"
    versions = ", ".join(f"{k} {v}" for k, v in origin["versions"].items())
    return (
        f"## Again\n\n```\n{command}\n{export}\n```\n\n"
        f"Seed {origin['seed']}, commit {origin['commit'] or 'not recorded'}{', ' + versions if versions else ''}. "
        f"`reference.wav` and `reference.json` hold a clip and the probabilities that every runtime must give for it; "
        "`vectors.json` holds what a port must compute from the cut of windows to the running belief."
    )
