"""The options of all commands."""

from __future__ import annotations

import argparse
from pathlib import Path

from ser_keras.common.version import __version__

TYPE_CHECKING = False  # `typing` would take a tenth of the time of --help; type checkers know the name
if TYPE_CHECKING:
    from typing import NoReturn

CODECS = ("none", "telephone", "opus")  # as in ser_keras.features.streams.plan, which --help does not wait for


class Parser(argparse.ArgumentParser):
    """Bad usage is one line and exit code 2. `flags` holds the option of each argument: name -> `--option`."""

    def add_argument(self, *names: str, **settings: object) -> argparse.Action:
        action = super().add_argument(*names, **settings)  # type: ignore[arg-type]
        self.flags: dict[str, str] = getattr(self, "flags", {})
        if action.option_strings:
            self.flags[action.dest] = action.option_strings[0]
        return action

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (`{self.prog} --help` says more)\n")


def parser() -> argparse.ArgumentParser:
    """The argument parser of all commands; `run` is the name of the function in `cli.commands`."""
    top = Parser(prog="ser-keras", description="Speech emotion recognition: train, judge honestly, run on a phone.")
    top.add_argument("--version", action="version", version=f"ser-keras {__version__}")
    top.add_argument("--debug", action="store_true", help="show a traceback when something goes wrong")
    subparsers = top.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(name: str, run: str, summary: str) -> argparse.ArgumentParser:
        subparser = subparsers.add_parser(name, help=summary, description=summary)
        subparser.set_defaults(run=run, flags=subparser.flags)
        subparser.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
        return subparser

    def takes_corpora(subparser: argparse.ArgumentParser, required: bool) -> None:
        subparser.add_argument(
            "--corpus",
            dest="corpora",
            metavar="NAME=PATH",
            action="append",
            type=_corpus,
            default=[],
            required=required,
            help="a corpus and its folder (`ser-keras corpora list` names them); may be given more than once",
        )

    def takes_plugins(subparser: argparse.ArgumentParser) -> None:
        subparser.add_argument(
            "--plugin",
            dest="plugins",
            metavar="MODULE",
            action="append",
            default=[],
            help="import this module or package, whose parts a run names; may be given more than once",
        )

    demo = command("demo", "run_demo", "the whole way once: prepare, train, evaluate, export, check, classify, report")
    takes_corpora(demo, required=False)
    demo.add_argument("--out", metavar="DIR", type=Path, default=Path("runs/demo"), help="default: %(default)s")
    demo.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)

    corpora = subparsers.add_parser("corpora", help="what can be read, and what a folder holds")
    kinds = corpora.add_subparsers(metavar="COMMAND", required=True)
    kinds.add_parser("list", help="the corpora that can be read").set_defaults(run="run_corpora_list", flags={})
    check = kinds.add_parser("check", help="what a folder holds, against the published counts")
    check.add_argument("corpus", metavar="NAME=PATH", type=_corpus)
    check.add_argument("--json", action="store_true", help="one JSON object")
    check.set_defaults(run="run_corpora_check", flags=check.flags)
    get = kinds.add_parser("get", help="fetch a free corpus, or say whom to ask for it")
    get.add_argument("name", metavar="NAME", help="as `ser-keras corpora list` names it")
    get.add_argument("--out", metavar="DIR", type=Path, help="where to (default: a folder NAME, here)")
    get.set_defaults(run="run_corpora_get", flags=get.flags)

    train = command("train", "run_train", "train and evaluate an experiment")
    takes_plugins(train)
    takes_corpora(train, required=True)
    train.add_argument("--recipe", metavar="ID", required=True, help="a recipe's id or the path of a YAML file")
    train.add_argument("--protocol", metavar="P", help="instead of the recipe's")
    train.add_argument(
        "--set", dest="changes", metavar="a.b=c", action="append", default=[], help="change a setting; may be repeated"
    )
    train.add_argument("--out", metavar="RUN", type=Path, required=True, help="the run directory")
    train.add_argument("--resume", action="store_true", help="go on with RUN, or start it")
    train.add_argument("--fold", metavar="K", type=int, help="train this fold alone")
    train.add_argument("--init", metavar="BUNDLE|RUN", type=Path, help="start from this model's weights")
    train.add_argument("--dry-run", action="store_true", help="print folds, counts and a time estimate")

    evaluate = command("evaluate", "run_evaluate", "run a run's models on its own test folds, or on other data")
    takes_plugins(evaluate)
    evaluate.add_argument("run_directory", metavar="RUN", type=Path, help="a run; with --live a bundle or .tflite, too")
    takes_corpora(evaluate, required=False)
    evaluate.add_argument(
        "--condition",
        dest="conditions",
        metavar="C",
        action="append",
        default=[],
        help="distort the test audio: noise:20, pause:2:-65, telephone+noise:10, ... (docs/conditions.md); "
        "may be repeated",
    )
    evaluate.add_argument(
        "--live",
        action="store_true",
        help="as it is used: streams of people who speak, pause and stop in a room (docs/live.md)",
    )
    evaluate.add_argument(
        "--utterances", metavar="N", type=_count_or_all, help="live: so many of each corpus, or all (default: 1200)"
    )
    evaluate.add_argument("--seed", metavar="N", type=_seed, help="live: draws other streams (default: 0)")
    evaluate.add_argument("--codec", metavar="C", choices=CODECS, help="live: none (default), telephone or opus")
    evaluate.add_argument("--out", metavar="DIR", type=Path, help="live, of a bundle or .tflite: where results go")

    reproduce = command("reproduce", "run_reproduce", "run the rows of a paper beside the figures that it reports")
    takes_plugins(reproduce)
    reproduce.add_argument(
        "ids", metavar="ID|PAPER", nargs="*", help="rows (anand2015.r1), or all of a paper (anand2015)"
    )
    takes_corpora(reproduce, required=False)
    reproduce.add_argument("--out", metavar="DIR", type=Path, help="where runs and tables go; again: goes on there")
    reproduce.add_argument(
        "--protocol",
        dest="protocols",
        metavar="P",
        action="append",
        help="instead of speaker_independent and then the paper's own; may be repeated",
    )
    reproduce.add_argument(
        "--set", dest="changes", metavar="a.b=c", action="append", default=[], help="change a setting of every row"
    )
    reproduce.add_argument("--list", action="store_true", help="the ids of all rows, one a line")

    attention = command("attention", "run_attention", "draw where a run's attention lies in audio files")
    takes_plugins(attention)
    attention.add_argument("run_directory", metavar="RUN", type=Path)
    attention.add_argument("audio", metavar="AUDIO", nargs="+")
    attention.add_argument("--out", metavar="DIR", type=Path, default=Path("attention"), help="default: %(default)s")
    attention.add_argument("--fold", metavar="K", type=int, help="a fold's model instead of the final one")

    tune = command("tune", "run_tune", "search for settings, judged on held-out training speakers; again: goes on")
    takes_plugins(tune)
    tune.add_argument("space", metavar="SPACE", nargs="?", help="a space's name or the path of a YAML file")
    tune.add_argument("--list", action="store_true", help="the spaces that come with the package")
    takes_corpora(tune, required=False)
    tune.add_argument("--out", metavar="DIR", type=Path, help="where trials, tables and the report go")
    tune.add_argument(
        "--strategy", metavar="S", default="random", help="grid, random_grid, random, hyperband, bayesian"
    )
    tune.add_argument("--max-trials", metavar="N", type=int, help="default: 20; the whole grid; hyperband's own number")
    tune.add_argument(
        "--set", dest="changes", metavar="a.b=c", action="append", default=[], help="hold a setting; may be repeated"
    )
    tune.add_argument("--folds", metavar="K", type=int, default=3, help="inner folds of a trial (default: %(default)s)")
    tune.add_argument("--test-speakers", metavar="A,B", help="set aside for the winner (default: fold 0 of 5 groups)")
    tune.add_argument("--outer-folds", metavar="K", type=int, help="nested: a search for each of K test groups")
    tune.add_argument("--objective", metavar="M", default="uar", help="uar (default), int8_kb, latency_ms, module:name")
    tune.add_argument(
        "--limit", dest="limits", metavar="M<=X", action="append", default=[], help="int8_kb<=500, uar>=0.6, ..."
    )
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
    tune.add_argument(
        "--lease", dest="lease_s", metavar="S", type=float, default=60, help="silence after which a worker is gone"
    )
    tune.add_argument("--dry-run", action="store_true", help="check, and print the size of the search")

    export = command("export", "run_export", "make the bundle that phones run")
    takes_plugins(export)
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

    predict = command("predict", "run_predict", "which emotion is heard in audio files")
    predict.add_argument("audio", metavar="AUDIO", nargs="+")
    predict.add_argument(
        "--model", help="a .tflite, a bundle, a run or a shipped name (emodb, multi); by default the shipped one"
    )
    predict.add_argument("--json", action="store_true", help="a list of objects, one a file")
    predict.add_argument("--hop", metavar="S", type=float, help="seconds from window to window; the model's by default")

    listen = command("listen", "run_listen", "which emotion is heard, while it is heard: microphone, file or pipe")
    listen.add_argument("audio", metavar="AUDIO", nargs="?", help="a file, or - for raw 16-bit 16 kHz mono audio")
    listen.add_argument(
        "--model", help="a .tflite, a bundle, a run or a shipped name (emodb, multi); by default the shipped one"
    )
    listen.add_argument("--device", metavar="D", help="a microphone's number or part of its name")
    listen.add_argument("--json", action="store_true", help="a JSON object a window, one a line")

    serve = command("serve", "run_serve", "the web demo, for a browser on this machine or a phone")
    serve.add_argument("--model", help="a bundle, a run or a shipped name (emodb, multi); by default the shipped one")
    serve.add_argument(
        "--host", metavar="H", default="127.0.0.1", help="who may come: default %(default)s, this machine"
    )
    serve.add_argument("--port", metavar="N", type=int, default=8000, help="default: %(default)s; 0: any free one")
    serve.add_argument("--cert", metavar="PEM", help="certificate: makes it HTTPS, which phones need")
    serve.add_argument("--key", metavar="PEM", help="its key, where that isn't in the same file")
    serve.add_argument("--demo", metavar="DIST", type=Path, help="the built demo; this installation's by default")

    benchmark = command(
        "benchmark", "run_benchmark", "how long a model takes, what memory it needs, and where the time goes"
    )
    benchmark.add_argument(
        "--model", help="a .tflite, a bundle, a run or a shipped name (emodb, multi); by default the shipped one"
    )
    benchmark.add_argument("--against", metavar="OTHER", help="a second model, measured in the same way")
    benchmark.add_argument("--threads", metavar="N", type=_threads, help="this number of threads (default: 1 and 2)")
    benchmark.add_argument("--runtime", default="auto", help="litert or tflite-runtime; whichever is installed")
    benchmark.add_argument("--json", action="store_true", help="one object")

    report = command("report", "run_report", "write the HTML report of a run, or compare several")
    report.add_argument("run_directories", metavar="RUN", nargs="+", type=Path)
    report.add_argument(
        "--out",
        metavar="HTML",
        type=Path,
        help="where it goes (default: RUN/report.html; a comparison: comparison.html)",
    )
    return top


def _has_default_root(corpus: str) -> bool:
    from ser_keras.corpora import CORPORA

    return corpus in CORPORA and CORPORA[corpus].default_root is not None


def _corpus(text: str) -> tuple[str, str | None]:
    name, equals, path = text.partition("=")
    if not name or (equals and not path):
        raise argparse.ArgumentTypeError(f"'{text}': write NAME=PATH, as in emodb=data/emodb")
    if not equals and not _has_default_root(name):
        raise argparse.ArgumentTypeError(f"'{text}' names no folder: write {name}=PATH")
    return name, path or None


def _count_or_all(text: str) -> int | str:
    if text == "all":
        return text
    if not (text.isascii() and text.isdigit() and int(text) >= 1):
        raise argparse.ArgumentTypeError(f"'{text}': give a number of utterances from 1, or all")
    return int(text)


def _seed(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) < 2**31):
        raise argparse.ArgumentTypeError(f"'{text}': give a whole number from 0 to {2**31 - 1}")
    return int(text)


def _threads(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 256):
        raise argparse.ArgumentTypeError(f"'{text}': give a number of threads from 1 to 256")
    return int(text)
