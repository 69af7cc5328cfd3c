"""The commands: one thin function each; heavy packages are imported inside them."""

import json
import sys
from pathlib import Path

from ser_keras.cli.texts import headline, readable
from ser_keras.common.errors import SerKerasError


def _located(corpora):
    """Corpora with their folders: as given, or where a corpus lies by itself."""
    from ser_keras.corpora import CORPORA

    return [(name, Path(path) if path else CORPORA[name].default_root()) for name, path in corpora]


def run_demo(chosen):
    quiet_tensorflow()
    from ser_keras.cli.demo import demo

    for line in demo(_located(chosen.corpus or [("synthetic", None)]), chosen.out, chosen.seed):
        print(line)


def run_corpora_list(chosen):
    from ser_keras.corpora import CORPORA

    width = max(map(len, CORPORA))
    for name, reader in CORPORA.items():
        fetched = f"; `ser-keras corpora get {name}` fetches it" if reader.free_sources else ""
        print(f"{name:<{width}}  {reader.title}; {reader.licence}\n{'':<{width}}  expects {reader.layout}{fetched}")


def run_corpora_check(chosen):
    from ser_keras.corpora.checking import check, format_check

    [(name, root)] = _located([chosen.corpus])
    result = check(name, root)
    print(json.dumps(result, indent=1, ensure_ascii=False) if chosen.json else format_check(result))


def run_corpora_get(chosen):
    from ser_keras.corpora.checking import format_check
    from ser_keras.corpora.fetching.get import get

    out, result = get(chosen.name, chosen.out)
    print(f"{out} holds {chosen.name} already: nothing was fetched" if result is None else format_check(result))
    print(f"use it as --corpus {chosen.name}={out}")


def run_train(chosen):
    from ser_keras.experiment.recipes import load_experiment

    changes = list(chosen.set)
    if chosen.protocol:
        changes.insert(0, f"protocol.name={chosen.protocol}")
    experiment = load_experiment(chosen.recipe, changes)
    corpora = _located(chosen.corpus)
    quiet_tensorflow()
    from ser_keras.training import crossvalidation
    from ser_keras.training.estimate import dry_run

    if chosen.dry_run:
        for line in dry_run(experiment, corpora, only_fold=chosen.fold, init=chosen.init):
            print(line)
        return
    run = crossvalidation.train(
        experiment, corpora, chosen.out, resume=chosen.resume, only_fold=chosen.fold, init=chosen.init
    )
    if run.finished:
        print(headline(run.metrics))
        print(f"report: {run.path / 'report.html'}")


def run_evaluate(chosen):
    from ser_keras.experiment.run import Run

    run = Run.existing(chosen.run_directory)
    from ser_keras.features import conditions

    distortions = [conditions.parse(text) for text in chosen.condition]
    quiet_tensorflow()
    from ser_keras.training import reevaluation

    for name, folder, figures in reevaluation.evaluate(run, _located(chosen.corpus), distortions):
        print(f"{name}: {headline(figures)}\ntables: {folder}")


def run_reproduce(chosen):
    from ser_keras import reproduction

    if chosen.list:
        print("\n".join(reproduction.ids()))
        return
    for given, name in ((chosen.ids, "ID"), (chosen.corpus, "--corpus NAME=PATH"), (chosen.out, "--out DIR")):
        if not given:
            raise SerKerasError(f"reproduce: {name} is missing (`ser-keras reproduce --list` lists the ids)")
    quiet_tensorflow()
    for line in reproduction.reproduce(chosen.ids, _located(chosen.corpus), chosen.out, chosen.protocol, chosen.set):
        print(line, flush=True)


def run_attention(chosen):
    from ser_keras.experiment.run import Run

    run = Run.existing(chosen.run_directory)
    quiet_tensorflow()
    from ser_keras.evaluation.reports.attention import draw_attention

    drawn = draw_attention(run, chosen.audio, chosen.out, chosen.fold)
    for file, result in drawn:
        print(f"{file}: {getattr(result, 'reason', result)}")
    return 2 if any(isinstance(result, SerKerasError) for _, result in drawn) else 0


def run_tune(chosen):
    quiet_tensorflow()
    if chosen.list:
        from ser_keras.tuning.space import load_space, spaces

        for name in spaces():
            space = load_space(name)
            print(f"{name:<16} {space.title}; from {space.start.recipe}, {len(space.grid())} grid points")
        return
    for given, name in ((chosen.space, "SPACE"), (chosen.corpus, "--corpus NAME=PATH"), (chosen.out, "--out DIR")):
        if not given and not (name == "--out DIR" and chosen.dry_run):
            raise SerKerasError(f"tune: {name} is missing (`ser-keras tune --list` lists the spaces)")
    if chosen.chief and chosen.join:
        raise SerKerasError("--chief and --join exclude each other: a chief takes workers of its own by --workers")
    from ser_keras.tuning import running
    from ser_keras.tuning.request import Request
    from ser_keras.tuning.running import dry_run

    workers = chosen.workers if chosen.workers is not None else 0 if chosen.chief else 1
    request = Request(
        chosen.space,
        _located(chosen.corpus),
        chosen.strategy,
        max_trials=chosen.max_trials,
        changes=chosen.set,
        folds=chosen.folds,
        test_speakers=[name.strip() for name in chosen.test_speakers.split(",")] if chosen.test_speakers else None,
        outer_folds=chosen.outer_folds,
        objective=chosen.objective,
        limits=chosen.limit,
        stop_behind=chosen.stop_behind,
        seed=chosen.seed,
        workers=workers,
        lease_s=chosen.lease,
    )
    lines = dry_run(request) if chosen.dry_run else running.tune(request, chosen.out, chosen.chief, join=chosen.join)
    for line in lines:
        print(line)


def run_export(chosen):
    from ser_keras.experiment.run import Run

    run = Run.existing(chosen.run_directory)
    quiet_tensorflow()
    from ser_keras.export.from_run import export

    for line in export(run, chosen.out, chosen.fold, default=chosen.default, all_variants=chosen.all_variants):
        print(line)


def run_predict(chosen):
    from ser_keras.runtime.model import load

    model = load(chosen.model)
    results, failed = [], 0
    for path in chosen.audio:
        try:
            results.append(model.predict(path, chosen.hop).to_dict())
        except SerKerasError as error:
            failed += 1
            reason = getattr(error, "reason", str(error))
            results.append({"file": path, "error": " ".join(reason.split())})
    if chosen.json:
        print(json.dumps(results, indent=1, ensure_ascii=False))
    else:
        for result in results:
            print(readable(result))
    return 2 if failed else 0


def run_listen(chosen):
    from ser_keras.runtime import listening
    from ser_keras.runtime.model import load

    try:
        listening.listen(load(chosen.model), chosen.audio, chosen.device, chosen.json)
    except KeyboardInterrupt:  # the way to end it
        print(file=sys.stderr)


def run_serve(chosen):
    from ser_keras.runtime import web_server

    try:
        for line in web_server.serve(chosen.model, chosen.host, chosen.port, chosen.cert, chosen.key, chosen.demo):
            print(line, flush=True)
    except KeyboardInterrupt:
        print(file=sys.stderr)


def run_benchmark(chosen):
    from ser_keras.runtime import benchmark

    models = [chosen.model] + ([chosen.against] if chosen.against else [])
    found = benchmark.benchmark(models, chosen.runtime, (chosen.threads,) if chosen.threads else (1, 2))
    print(json.dumps(found, indent=1) if chosen.json else "\n".join(benchmark.table(found)))


def run_report(chosen):
    from ser_keras.evaluation.reports.run_report import write_comparison, write_report

    if len(chosen.run_directories) > 1:
        print(write_comparison(chosen.run_directories, chosen.out or Path("comparison.html")))
    else:
        from ser_keras.common.files import write_atomic
        from ser_keras.experiment.run import Run

        written = write_report(Run.existing(chosen.run_directories[0]).path)
        if chosen.out:
            write_atomic(chosen.out, written.read_bytes())
        print(chosen.out or written)


def quiet_tensorflow():
    """TensorFlow's start-up lines say nothing to a user; its errors still come through."""
    import os

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
