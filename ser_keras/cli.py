"""The command line `ser-keras`: one thin function a command; heavy packages are imported inside them."""

import argparse
import json
import sys
from pathlib import Path

from ser_keras.common.errors import SerKerasError
from ser_keras.common.version import __version__


class Parser(argparse.ArgumentParser):
    """Bad usage is one line and exit code 2."""

    def error(self, message):
        self.exit(2, f"{self.prog}: {message} (`{self.prog} --help` says more)\n")


def main(arguments=None):
    """Run the command line.

    Returns:
        0 done; 2 bad usage or input, said in one line on standard error; 1 a fault of ours; 130 interrupted.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # file names that aren't UTF-8 are printed escaped; valid JSON, too
            stream.reconfigure(errors="backslashreplace")
    chosen = parser().parse_args(arguments)
    try:
        return chosen.run(chosen) or 0
    except SerKerasError as error:
        if chosen.debug:
            raise
        print(f"ser-keras: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        if chosen.debug or (error.name or "").startswith("ser_keras"):
            raise
        print(f"ser-keras: {_missing(error.name)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nser-keras: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `ser-keras ... | head`
        sys.stderr.close()
        return 0
    except Exception as error:
        if chosen.debug:
            raise
        first = (str(error).splitlines() or [""])[0]
        print(
            f"ser-keras: a fault of ours, please report it: {type(error).__name__}: {first} (--debug shows where)",
            file=sys.stderr,
        )
        return 1


def _missing(package):
    extra = {"ai_edge_quantizer": "export", "flatbuffers": "export", "espeakng_loader": "demo"}
    extra |= {"keras_tuner": "tune", "grpc": "tune"}
    name = extra.get((package or "").partition(".")[0], "train-cpu")
    return f"this needs the package '{package}': pip install 'ser-keras[{name}]' (train instead of train-cpu for a GPU)"


def parser():
    """The argument parser of all commands."""
    top = Parser(prog="ser-keras", description="Speech emotion recognition: train, judge honestly, run on a phone.")
    top.add_argument("--version", action="version", version=f"ser-keras {__version__}")
    top.add_argument("--debug", action="store_true", help="show a traceback when something goes wrong")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(name, run, summary):
        added = commands.add_parser(name, help=summary, description=summary)
        added.set_defaults(run=run)
        added.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
        return added

    def takes_corpora(added, required):
        added.add_argument(
            "--corpus",
            metavar="NAME=PATH",
            action="append",
            type=_corpus,
            default=[],
            required=required,
            help="a corpus and its folder (`ser-keras corpora list` names them); may be given more than once",
        )

    demo = command("demo", _demo, "the whole way once: prepare, train, evaluate, export, check, classify, report")
    takes_corpora(demo, required=False)
    demo.add_argument("--out", metavar="DIR", type=Path, default=Path("runs/demo"), help="default: %(default)s")
    demo.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)

    corpora = commands.add_parser("corpora", help="what can be read, and what a folder holds")
    kinds = corpora.add_subparsers(metavar="COMMAND", required=True)
    kinds.add_parser("list", help="the corpora that can be read").set_defaults(run=_corpora_list)
    check = kinds.add_parser("check", help="what a folder holds, against the published counts")
    check.add_argument("corpus", metavar="NAME=PATH", type=_corpus)
    check.add_argument("--json", action="store_true", help="one JSON object")
    check.set_defaults(run=_corpora_check)
    get = kinds.add_parser("get", help="fetch a free corpus, or say whom to ask for it")
    get.add_argument("name", metavar="NAME", help="as `ser-keras corpora list` names it")
    get.add_argument("--out", metavar="DIR", type=Path, help="where to (default: a folder NAME, here)")
    get.set_defaults(run=_corpora_get)

    train = command("train", _train, "train and evaluate an experiment")
    takes_corpora(train, required=True)
    train.add_argument("--recipe", metavar="ID", required=True, help="a recipe's id or the path of a YAML file")
    train.add_argument("--protocol", metavar="P", help="instead of the recipe's")
    train.add_argument("--set", metavar="a.b=c", action="append", default=[], help="change a setting; may be repeated")
    train.add_argument("--out", metavar="RUN", type=Path, required=True, help="the run directory")
    train.add_argument("--resume", action="store_true", help="go on with RUN, or start it")
    train.add_argument("--fold", metavar="K", type=int, help="train this fold alone")
    train.add_argument("--init", metavar="BUNDLE|RUN", type=Path, help="start from this model's weights")
    train.add_argument("--dry-run", action="store_true", help="print folds, counts and a time estimate")

    evaluate = command("evaluate", _evaluate, "run a run's models on its own test folds, or on other data")
    evaluate.add_argument("run_directory", metavar="RUN", type=Path)
    takes_corpora(evaluate, required=False)
    evaluate.add_argument(
        "--condition",
        metavar="C",
        action="append",
        default=[],
        help="distort the test audio: noise:20, telephone+noise:10, ... (docs/conditions.md); may be repeated",
    )

    reproduce = command("reproduce", _reproduce, "run the rows of a paper beside the figures that it reports")
    reproduce.add_argument(
        "ids", metavar="ID|PAPER", nargs="*", help="rows (anand2015.r1), or all of a paper (anand2015)"
    )
    takes_corpora(reproduce, required=False)
    reproduce.add_argument("--out", metavar="DIR", type=Path, help="where runs and tables go; again: goes on there")
    reproduce.add_argument(
        "--protocol",
        metavar="P",
        action="append",
        help="instead of speaker_independent and then the paper's own; may be repeated",
    )
    reproduce.add_argument("--set", metavar="a.b=c", action="append", default=[], help="change a setting of every row")
    reproduce.add_argument("--list", action="store_true", help="the ids of all rows, one a line")

    attention = command("attention", _attention, "draw where a run's attention lies in audio files")
    attention.add_argument("run_directory", metavar="RUN", type=Path)
    attention.add_argument("audio", metavar="AUDIO", nargs="+")
    attention.add_argument("--out", metavar="DIR", type=Path, default=Path("attention"), help="default: %(default)s")
    attention.add_argument("--fold", metavar="K", type=int, help="a fold's model instead of the final one")

    tune = command("tune", _tune, "search for settings, judged on held-out training speakers; again: goes on")
    tune.add_argument("space", metavar="SPACE", nargs="?", help="a space's name or the path of a YAML file")
    tune.add_argument("--list", action="store_true", help="the spaces that come with the package")
    takes_corpora(tune, required=False)
    tune.add_argument("--out", metavar="DIR", type=Path, help="where trials, tables and the report go")
    tune.add_argument(
        "--strategy", metavar="S", default="random", help="grid, random_grid, random, hyperband, bayesian"
    )
    tune.add_argument("--max-trials", metavar="N", type=int, help="default: 20; the whole grid; hyperband's own number")
    tune.add_argument("--set", metavar="a.b=c", action="append", default=[], help="hold a setting; may be repeated")
    tune.add_argument("--folds", metavar="K", type=int, default=3, help="inner folds of a trial (default: %(default)s)")
    tune.add_argument("--test-speakers", metavar="A,B", help="set aside for the winner (default: fold 0 of 5 groups)")
    tune.add_argument("--outer-folds", metavar="K", type=int, help="nested: a search for each of K test groups")
    tune.add_argument("--objective", metavar="M", default="uar", help="uar (default), int8_kb, latency_ms")
    tune.add_argument("--limit", metavar="M<=X", action="append", default=[], help="int8_kb<=500, uar>=0.6, ...")
    tune.add_argument(
        "--stop-behind",
        metavar="X",
        type=float,
        default=0.1,
        help="stop a trial so much UAR behind the best on the folds done (default: %(default)s; 1: never)",
    )
    tune.add_argument("--seed", metavar="N", type=int, default=0, help="of the strategy's draws")
    tune.add_argument("--workers", metavar="N", type=int, help="processes on this machine (default: 1; of a chief: 0)")
    tune.add_argument("--chief", metavar="HOST:PORT", help="serve workers of other machines here")
    tune.add_argument("--join", metavar="HOST:PORT", help="work for the chief there")
    tune.add_argument("--lease", metavar="S", type=float, default=60, help="silence after which a worker is gone")
    tune.add_argument("--dry-run", action="store_true", help="check, and print the size of the search")

    export = command("export", _export, "make the bundle that phones run")
    export.add_argument("run_directory", metavar="RUN", type=Path)
    export.add_argument("--out", metavar="BUNDLE", type=Path, required=True)
    export.add_argument("--fold", metavar="K", type=int, help="a fold's model instead of the final one")
    export.add_argument(
        "--default",
        metavar="V",
        default="int8_weights",
        help="the file that the bundle recommends: int8_weights (default), float32, ...; auto: float32 where int8 "
        "weights lose over a point of UAR",
    )
    export.add_argument("--all-variants", action="store_true", help="float16, dynamic and full int8 files, too")

    predict = command("predict", _predict, "which emotion is heard in audio files")
    predict.add_argument("audio", metavar="AUDIO", nargs="+")
    predict.add_argument("--model", help="a .tflite, a bundle, a run or a shipped name (multi); default: emodb")
    predict.add_argument("--json", action="store_true", help="a list of objects, one a file")
    predict.add_argument("--hop", metavar="S", type=float, help="seconds from window to window; the model's by default")

    listen = command("listen", _listen, "which emotion is heard, while it is heard: microphone, file or pipe")
    listen.add_argument("audio", metavar="AUDIO", nargs="?", help="a file, or - for raw 16-bit 16 kHz mono audio")
    listen.add_argument("--model", help="a .tflite, a bundle, a run or a shipped name (multi); default: emodb")
    listen.add_argument("--device", metavar="D", help="a microphone's number or part of its name")
    listen.add_argument("--json", action="store_true", help="a JSON object a window, one a line")

    serve = command("serve", _serve, "the web demo, for a browser on this machine or a phone")
    serve.add_argument("--model", help="a bundle, a run or a shipped name (multi); default: emodb")
    serve.add_argument(
        "--host", metavar="H", default="127.0.0.1", help="who may come: default %(default)s, this machine"
    )
    serve.add_argument("--port", metavar="N", type=int, default=8000, help="default: %(default)s; 0: any free one")
    serve.add_argument("--cert", metavar="PEM", help="certificate: makes it HTTPS, which phones need")
    serve.add_argument("--key", metavar="PEM", help="its key, where that isn't in the same file")
    serve.add_argument("--demo", metavar="DIST", type=Path, help="the built demo; this installation's by default")

    benchmark = command(
        "benchmark", _benchmark, "how long a model takes, what memory it needs, and where the time goes"
    )
    benchmark.add_argument("--model", help="a .tflite, a bundle, a run or a shipped name (multi); default: emodb")
    benchmark.add_argument("--against", metavar="OTHER", help="a second model, measured in the same way")
    benchmark.add_argument("--threads", metavar="N", type=_threads, help="this number of threads (default: 1 and 2)")
    benchmark.add_argument("--runtime", default="auto", help="litert or tflite-runtime; whichever is installed")
    benchmark.add_argument("--json", action="store_true", help="one object")

    report = command("report", _report, "write the HTML report of a run, or compare several")
    report.add_argument("run_directories", metavar="RUN", nargs="+", type=Path)
    report.add_argument(
        "--out",
        metavar="HTML",
        type=Path,
        help="where it goes (default: RUN/report.html; a comparison: comparison.html)",
    )
    return top


def _corpus(text):
    name, equals, path = text.partition("=")
    if not name or (equals and not path):
        raise argparse.ArgumentTypeError(f"'{text}': write NAME=PATH, as in emodb=data/emodb")
    if not equals and name != "synthetic":
        raise argparse.ArgumentTypeError(f"'{text}' names no folder: write {name}=PATH")
    return name, path or None


def _threads(text):
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 256):
        raise argparse.ArgumentTypeError(f"'{text}': give a number of threads from 1 to 256")
    return int(text)


def _located(corpora):
    """The synthetic corpus has a place of its own; the others' paths are as given."""
    from ser_keras.corpora.synthetic import reader

    return [(name, Path(path) if path else reader.default_root()) for name, path in corpora]


def _demo(chosen):
    _quiet_tensorflow()
    from ser_keras.demo import demo

    for line in demo(_located(chosen.corpus or [("synthetic", None)]), chosen.out, chosen.seed):
        print(line)


def _corpora_list(chosen):
    from ser_keras.corpora import CORPORA
    from ser_keras.corpora.fetching.sources import is_free

    width = max(map(len, CORPORA))
    for name, module in CORPORA.items():
        fetched = f"; `ser-keras corpora get {name}` fetches it" if is_free(module) else ""
        print(f"{name:<{width}}  {module.TITLE}; {module.LICENCE}\n{'':<{width}}  expects {module.LAYOUT}{fetched}")


def _corpora_check(chosen):
    from ser_keras.corpora.checking import check, format_check

    [(name, root)] = _located([chosen.corpus])
    result = check(name, root)
    print(json.dumps(result, indent=1, ensure_ascii=False) if chosen.json else format_check(result))


def _corpora_get(chosen):
    from ser_keras.corpora.checking import format_check
    from ser_keras.corpora.fetching.get import get

    out, result = get(chosen.name, chosen.out)
    print(f"{out} holds {chosen.name} already: nothing was fetched" if result is None else format_check(result))
    print(f"use it as --corpus {chosen.name}={out}")


def _train(chosen):
    from ser_keras.experiment.recipes import load_experiment

    changes = list(chosen.set)
    if chosen.protocol:
        changes.insert(0, f"protocol.name={chosen.protocol}")
    experiment = load_experiment(chosen.recipe, changes)
    corpora = _located(chosen.corpus)
    _quiet_tensorflow()
    from ser_keras.training import crossvalidation
    from ser_keras.training.estimate import dry_run

    if chosen.dry_run:
        for line in dry_run(experiment, corpora, chosen.fold, chosen.init):
            print(line)
        return
    run = crossvalidation.train(experiment, corpora, chosen.out, chosen.resume, chosen.fold, chosen.init)
    if run.finished:
        print(_headline(run.metrics))
        print(f"report: {run.path / 'report.html'}")


def _headline(figures):
    low, high = figures["uar_ci95"]
    leaky = "LEAKY " if figures["leaky"] else ""
    segment = figures["segment"]  # None where the classifier heard whole utterances
    windows = f"; single windows: UAR {segment['uar']:.3f}" if segment else ""
    return (
        f"{leaky}{figures['protocol']}: UAR {figures['uar']:.3f} [{low:.3f}, {high:.3f}], WA {figures['wa']:.3f} "
        f"({figures['n_utterances']} utterances, {figures['n_speakers']} speakers, {len(figures['classes'])} classes"
        f"{windows})"
    )


def _evaluate(chosen):
    from ser_keras.experiment.run import Run

    run = Run.existing(chosen.run_directory)
    from ser_keras.features import conditions

    distortions = [conditions.parse(text) for text in chosen.condition]
    _quiet_tensorflow()
    from ser_keras.training import reevaluation

    for name, folder, figures in reevaluation.evaluate(run, _located(chosen.corpus), distortions):
        print(f"{name}: {_headline(figures)}\ntables: {folder}")


def _reproduce(chosen):
    from ser_keras import reproduction

    if chosen.list:
        print("\n".join(reproduction.ids()))
        return
    for given, name in ((chosen.ids, "ID"), (chosen.corpus, "--corpus NAME=PATH"), (chosen.out, "--out DIR")):
        if not given:
            raise SerKerasError(f"reproduce: {name} is missing (`ser-keras reproduce --list` lists the ids)")
    _quiet_tensorflow()
    for line in reproduction.reproduce(chosen.ids, _located(chosen.corpus), chosen.out, chosen.protocol, chosen.set):
        print(line, flush=True)


def _attention(chosen):
    from ser_keras.experiment.run import Run

    run = Run.existing(chosen.run_directory)
    _quiet_tensorflow()
    from ser_keras.evaluation.reports.attention import draw_attention

    drawn = draw_attention(run, chosen.audio, chosen.out, chosen.fold)
    for file, result in drawn:
        print(f"{file}: {getattr(result, 'reason', result)}")
    return 2 if any(isinstance(result, SerKerasError) for _, result in drawn) else 0


def _tune(chosen):
    _quiet_tensorflow()
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
        *(chosen.space, _located(chosen.corpus), chosen.strategy, chosen.max_trials, chosen.set, chosen.folds),
        test_speakers=[name.strip() for name in chosen.test_speakers.split(",")] if chosen.test_speakers else None,
        outer_folds=chosen.outer_folds,
        objective=chosen.objective,
        limits=chosen.limit,
        stop_behind=chosen.stop_behind,
        seed=chosen.seed,
        workers=workers,
        lease_s=chosen.lease,
    )
    lines = dry_run(request) if chosen.dry_run else running.tune(request, chosen.out, chosen.chief, chosen.join)
    for line in lines:
        print(line)


def _export(chosen):
    from ser_keras.experiment.run import Run

    run = Run.existing(chosen.run_directory)
    _quiet_tensorflow()
    from ser_keras.export.from_run import export

    for line in export(run, chosen.out, chosen.fold, chosen.default, chosen.all_variants):
        print(line)


def _predict(chosen):
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
            print(_readable(result))
    return 2 if failed else 0


def _listen(chosen):
    from ser_keras.runtime import listening
    from ser_keras.runtime.model import load

    try:
        listening.listen(load(chosen.model), chosen.audio, chosen.device, chosen.json)
    except KeyboardInterrupt:  # the way to end it
        print(file=sys.stderr)


def _serve(chosen):
    from ser_keras.runtime import web_server

    try:
        for line in web_server.serve(chosen.model, chosen.host, chosen.port, chosen.cert, chosen.key, chosen.demo):
            print(line, flush=True)
    except KeyboardInterrupt:
        print(file=sys.stderr)


def _readable(result):
    if "error" in result:
        return f"{result['file']}: {result['error']}"
    ordered = sorted(result["probabilities"].items(), key=lambda item: -item[1])
    heard = result["emotion"] if result["speech"] else "no speech"
    warnings = "".join(f"\n  note: {line}" for line in result["warnings"])
    bars = "\n".join(f"  {name:<10} {p:6.1%} {'█' * round(30 * p)}" for name, p in ordered)
    return f"{result['file']}: {heard}\n{bars}{warnings}"


def _benchmark(chosen):
    from ser_keras.runtime import benchmark

    models = [chosen.model] + ([chosen.against] if chosen.against else [])
    found = benchmark.benchmark(models, chosen.runtime, (chosen.threads,) if chosen.threads else (1, 2))
    print(json.dumps(found, indent=1) if chosen.json else "\n".join(benchmark.table(found)))


def _report(chosen):
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


def _quiet_tensorflow():
    """TensorFlow's start-up lines say nothing to a user; its errors still come through."""
    import os

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
