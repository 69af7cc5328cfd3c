"""The commands: one thin function each; heavy packages are imported inside them."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path

from ser_keras.cli import texts
from ser_keras.common.errors import SerKerasError


def _show(lines: Iterable[str]) -> None:
    """Prints lines, each when it comes."""
    for line in lines:
        print(line, flush=True)


def run_demo(options: argparse.Namespace) -> None:
    from ser_keras.cli.demo import demo

    _show(texts.demo(demo(options.corpora or [("synthetic", None)], options.out, options.seed)))


def run_corpora_list(options: argparse.Namespace) -> None:
    from ser_keras.corpora import CORPORA

    _show(texts.corpora_list(CORPORA))


def run_corpora_check(options: argparse.Namespace) -> None:
    from ser_keras.api.corpus import Corpus

    name, path = options.corpus
    result = Corpus(name, path).check()
    _show([json.dumps(result, indent=1, ensure_ascii=False)] if options.json else texts.corpus_check(result))


def run_corpora_get(options: argparse.Namespace) -> None:
    from ser_keras.corpora.fetching.get import get

    folder, result = get(options.name, options.out)
    _show(texts.fetched_corpus(options.name, folder, result))


def run_train(options: argparse.Namespace) -> None:
    from ser_keras.api import training
    from ser_keras.experiment.settings import Experiment

    changes = list(options.changes)
    if options.protocol:
        changes.insert(0, f"protocol.name={options.protocol}")
    experiment = Experiment.from_recipe(options.recipe, changes)
    if options.dry_run:
        _show(training.estimate(experiment, options.corpora, fold=options.fold, init=options.init).lines)
        return
    run = training.train(
        experiment, options.corpora, options.out, resume=options.resume, fold=options.fold, init=options.init
    )
    if run.finished:
        _show([str(run.metrics), f"report: {run.report}"])


def run_evaluate(options: argparse.Namespace) -> None:
    from ser_keras.api import training

    if options.live:
        if options.conditions:
            raise SerKerasError(
                "evaluate: --condition goes without --live, whose streams have rooms and noises of their own"
            )
        settings = {name: value for name in ("seed", "codec", "out") if (value := getattr(options, name)) is not None}
        if options.utterances is not None:
            settings["utterances"] = None if options.utterances == "all" else options.utterances
        for result in training.evaluate_live(options.run_directory, options.corpora, **settings):
            _show([*result.lines, f"tables, manifest and picture: {result.folder}"])
        return
    for name in ("utterances", "seed", "codec", "out"):
        if getattr(options, name) is not None:
            raise SerKerasError(f"evaluate: --{name} goes with --live alone")
    for evaluation in training.evaluate(options.run_directory, options.corpora, options.conditions):
        _show([f"{evaluation.name}: {evaluation.metrics}", f"tables: {evaluation.folder}"])


def run_reproduce(options: argparse.Namespace) -> None:
    from ser_keras.api.corpus import located
    from ser_keras.api.session import quiet_tensorflow
    from ser_keras.reproduction import ids  # without TensorFlow

    if options.list:
        _show(ids())
        return
    for value, name in ((options.ids, "ID"), (options.corpora, "--corpus NAME=PATH"), (options.out, "--out DIR")):
        if not value:
            raise SerKerasError(f"reproduce: {name} is missing (`ser-keras reproduce --list` lists the ids)")
    quiet_tensorflow()
    from ser_keras.reproduction.running import reproduce

    result = reproduce(
        options.ids,
        located(options.corpora),
        options.out,
        protocols=options.protocols,
        changes=options.changes,
        announce=lambda event: _show([texts.with_flags(str(event), options.flags)]),
    )
    _show(texts.with_flags(line, options.flags) for line in texts.reproduction(result))
    if result.refused:
        raise SerKerasError(texts.refused_rows(result))


def run_attention(options: argparse.Namespace) -> int:
    from ser_keras.api.session import quiet_tensorflow
    from ser_keras.experiment.run import RunDirectory

    run = RunDirectory.existing(options.run_directory)
    quiet_tensorflow()
    from ser_keras.evaluation.reports.attention import draw_attention

    drawings = draw_attention(run, options.audio, options.out, fold=options.fold)
    _show(texts.attention(file, drawing) for file, drawing in drawings)
    return 2 if any(isinstance(drawing, SerKerasError) for _, drawing in drawings) else 0


def run_tune(options: argparse.Namespace) -> None:
    from ser_keras.api.corpus import located
    from ser_keras.api.session import quiet_tensorflow

    quiet_tensorflow()
    if options.list:
        from ser_keras.tuning.space import load_space, spaces

        _show(texts.space_line(name, load_space(name)) for name in spaces())
        return
    for value, name in ((options.space, "SPACE"), (options.corpora, "--corpus NAME=PATH"), (options.out, "--out DIR")):
        if not value and not (name == "--out DIR" and options.dry_run):
            raise SerKerasError(f"tune: {name} is missing (`ser-keras tune --list` lists the spaces)")
    if options.chief and options.join:
        raise SerKerasError("--chief and --join exclude each other: a chief takes workers of its own by --workers")
    from ser_keras.common.progress import say
    from ser_keras.tuning import running
    from ser_keras.tuning.request import Request

    workers = options.workers if options.workers is not None else 0 if options.chief else 1
    request = Request(
        space=options.space,
        corpora=located(options.corpora),
        strategy=options.strategy,
        max_trials=options.max_trials,
        changes=options.changes,
        folds=options.folds,
        test_speakers=[name.strip() for name in options.test_speakers.split(",")] if options.test_speakers else None,
        outer_folds=options.outer_folds,
        objective=options.objective,
        limits=options.limits,
        stop_behind=options.stop_behind,
        seed=options.seed,
        workers=workers,
        lease_s=options.lease_s,
    )
    if options.dry_run:
        _show(texts.search_dry_run(running.dry_run(request)))
        return

    def announce(plan: running.SearchPlan) -> None:
        for line in texts.search_plan(plan):
            say(line)

    result = running.tune(request, options.out, options.chief, join=options.join, announce=announce)
    _show(texts.search_result(result) if result is not None else ())


def run_export(options: argparse.Namespace) -> None:
    from ser_keras.api.run import Run

    run = Run(options.run_directory)
    bundle = run.export(options.out, fold=options.fold, default=options.default, all_variants=options.all_variants)
    _show(bundle.lines)


def run_predict(options: argparse.Namespace) -> int:
    from ser_keras.audio.containers import FileError
    from ser_keras.runtime.model import ResultJson, load

    model = load(options.model)
    objects: list[ResultJson | dict[str, str]] = []
    lines = []
    code = 0
    for path in options.audio:
        try:
            result = model.predict(path, hop_s=options.hop).to_dict()
            objects.append(result)
            lines.append(texts.prediction(result))
        except SerKerasError as error:
            code = 2
            reason = " ".join((error.reason if isinstance(error, FileError) else str(error)).split())
            objects.append({"file": path, "error": reason})
            lines.append(f"{path}: {reason}")
    _show([json.dumps(objects, indent=1, ensure_ascii=False)] if options.json else [*lines, model.reach])
    return code


def run_listen(options: argparse.Namespace) -> None:
    from ser_keras.runtime import listening
    from ser_keras.runtime.model import load

    try:
        listening.listen(load(options.model), options.audio, options.device, as_json=options.json)
    except KeyboardInterrupt:  # the way to end it
        print(file=sys.stderr)


def run_serve(options: argparse.Namespace) -> None:
    from ser_keras.runtime import web_server

    try:
        certificate = {"cert": options.cert, "key": options.key}
        _show(web_server.serve(options.model, options.host, options.port, **certificate, demo=options.demo))
    except KeyboardInterrupt:
        print(file=sys.stderr)


def run_benchmark(options: argparse.Namespace) -> None:
    from ser_keras.runtime import benchmark

    models = [options.model] + ([options.against] if options.against else [])
    result = benchmark.benchmark(models, options.runtime, (options.threads,) if options.threads else (1, 2))
    _show([json.dumps(result, indent=1)] if options.json else texts.benchmark(result))


def run_report(options: argparse.Namespace) -> None:
    from ser_keras.evaluation.reports.run_report import write_comparison, write_report

    if len(options.run_directories) > 1:
        page = write_comparison(options.run_directories, options.out or Path("comparison.html"))
        _show([str(page)])
    else:
        from ser_keras.common.files import write_atomic
        from ser_keras.experiment.run import RunDirectory

        page = write_report(RunDirectory.existing(options.run_directories[0]).path)
        if options.out:
            write_atomic(options.out, page.read_bytes())
        _show([str(options.out or page)])
