"""Whether the commands, files and modules that a page names exist."""

import argparse
import ast
import contextlib
import dataclasses
import io
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

from ser_keras.common import plugins
from tests.docs import project
from tests.docs.markdown import Passage, passages

ROOT = project.ROOT
PROGRAM = re.compile(r"(?:^|[|&;] *)(?:\.venv/bin/)?(ser-keras\b.*)")
PLACEHOLDER = re.compile(r"[A-Z][A-Z_]*")
OLDER = re.compile(r"\s#\s*[0-9a-f]{7}\b")  # a command of an older commit, `# 38803c4`: only its options are checked
INLINE = re.compile(r"`([^`]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
FOLDERS = ("ser_keras", "export", "tuning", "tests", "docs", "benchmarks", "constraints", "web_demo", "android_demo")
EXAMPLES = {"acme"}  # names that a page lets its reader make
MADE = ("web_demo/dist", "ser_keras/web", "web_demo/node_modules")  # by a build


@dataclasses.dataclass(frozen=True)
class Command:
    """A printed command line; `whole` where it stands in a block of code, for the reader to copy."""

    line: int
    text: str
    whole: bool


def commands(text: str) -> Iterator[Command]:
    """Every command line that a page prints: lines of code, continued ones joined, and code within text."""
    variables, begun, start = {}, "", 0
    for passage in passages(text):
        if passage.kind != "code":
            begun, variables = "", {}
            yield from (Command(passage.line, code, whole=False) for code in INLINE.findall(passage.text))
            continue
        start = start if begun else passage.line
        begun += passage.text.strip()
        if begun.endswith("\\"):
            begun = begun[:-1]
            continue
        if assigned := re.fullmatch(r"([A-Z_]+)=(['\"])(.*)\2", begun):
            variables[assigned[1]] = assigned[3]
        else:
            for variable, value in variables.items():
                begun = re.sub(rf"\${variable}\b", lambda _, value=value: value, begun)
            yield Command(start, begun, whole=True)
        begun = ""


def problems(name: str, text: str, folder: Path, settings: bool = True) -> list[str]:
    """What is wrong with a page's commands, links and names, a line each.

    Args:
        name: the page, for the messages.
        text: its Markdown.
        folder: where it stands, for its links.
        settings: whether `--set` is tried on the recipes, which imports TensorFlow.
    """
    wrong = [
        f"{name}:{command.line}: {problem}"
        for command in commands(text)
        for check in (_of_program, _of_make, _of_python)
        for problem in check(command, settings)
    ]
    for passage in passages(text):
        wrong += [f"{name}:{passage.line}: {problem}" for problem in _of_names(passage, folder, text)]
    return wrong + [f"{name}: {problem}" for problem in _of_python_blocks(text)]


def _of_program(command: Command, settings: bool) -> Iterator[str]:
    match = PROGRAM.search(command.text)
    if not match:
        return
    try:
        words = shlex.split(match[1], comments=True)[1:]
    except ValueError as error:
        yield f"{match[1]}: {error}"
        return
    words = words[: next((i for i, word in enumerate(words) if word in ("|", "&&", ";", ">")), len(words))]
    words = [word for word in words if word != "..."]
    if not words:
        return
    try:
        with contextlib.redirect_stderr(io.StringIO()) as errors, contextlib.redirect_stdout(io.StringIO()):
            parsed = _parser(strict=command.whole).parse_args(words)
    except SystemExit as ended:
        if ended.code:
            yield f"{match[1].strip()}: {errors.getvalue().strip()}"
        return
    older = bool(OLDER.search(command.text))
    for problem in _of_values(vars(parsed), settings and not older):
        yield f"{match[1].strip()}: {problem}"


def _parser(strict: bool) -> argparse.ArgumentParser:
    """The command line's parser, which takes `--fold K` and no shortened option; unless strict, it requires nothing."""
    top = project.parser()
    waiting = [top]
    while waiting:
        parser = waiting.pop()
        parser.allow_abbrev = False
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                waiting += dict.fromkeys(action.choices.values())
            elif action.type in (int, float):
                action.type = _number_or_placeholder(action.type)
            if not strict:
                action.required = False
                if not action.option_strings and action.nargs in (None, "+"):
                    action.nargs = "?" if action.nargs is None else "*"
    return top


def _number_or_placeholder(kind: type) -> Callable[[str], object]:
    return lambda text: kind(1) if PLACEHOLDER.fullmatch(text) else kind(text)


def _of_values(given: dict[str, object], settings: bool) -> Iterator[str]:
    """What the parser takes and the command would refuse, in the order of its options."""
    listed = {
        "recipe": [given.get("recipe")],
        "row": given.get("ids") or [],
        "space": [given.get("space")],
        "corpus": [
            c[0] if isinstance(c, tuple) else c for c in [*(given.get("corpora") or []), *_list(given.get("corpus"))]
        ],
        "protocol": [*(given.get("protocols") or []), *_list(given.get("protocol"))],
    }
    for kind, values in listed.items():
        for value in values:
            if _is_name(value) and value not in project.names(kind):
                yield f"no {kind} '{value}'"
                return
    for condition in given.get("conditions") or []:
        of_the_reader = re.match(r"\w+:[A-Za-z]", condition)  # module:name
        if (
            not of_the_reader
            and not PLACEHOLDER.fullmatch(condition)
            and (problem := project.condition_problem(condition))
        ):
            yield problem
    changes = given.get("changes") or []
    tried = tuple(change for change in changes if not PLACEHOLDER.fullmatch(change.partition("=")[2]))
    for change in changes:
        first = change.partition("=")[0].partition(".")[0]
        if first not in project.names("setting"):
            yield f"no setting '{change.partition('=')[0]}'"
            return
    if settings and tried and not any(re.search(r"=\w+:\w", change) for change in tried):  # a part of the reader's
        recipes = [
            given.get("recipe"),
            *(row for name in listed["row"] if _is_name(name) for row in project.rows_of(name)),
        ]
        wrong = [project.setting_problem(r, tried) for r in recipes if _is_name(r) and not project.is_derived(r)]
        if wrong and all(wrong):
            yield wrong[0]


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _is_name(value: object) -> bool:
    """Whether a value is a name that must exist: no placeholder, no path, and not left out."""
    taken = isinstance(value, str) and not PLACEHOLDER.fullmatch(value) and value not in EXAMPLES
    return taken and "/" not in value and ".yaml" not in value and ":" not in value


def _of_make(command: Command, settings: bool) -> Iterator[str]:
    match = re.match(r"make ((?:[A-Z_]+=\S+ )*)([a-z][\w-]*)", command.text)
    targets = re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text(), re.M)
    if match and match[2] not in targets:
        yield f"make {match[2]}: the Makefile has no such target"


def _of_python(command: Command, settings: bool) -> Iterator[str]:
    """`python FILE --option`, `python -m MODULE`, `pytest FILE`: the files exist, and know the options."""
    match = re.match(r"(?:\S*/)?(?:python3?|pytest) (.*)", command.text)
    if not match:
        return
    words = shlex.split(match[1], comments=True)
    for name in (word for word in words if re.fullmatch(r"[\w/]+/\w+\.py", word)):
        if not (ROOT / name).is_file():
            yield f"{command.text}: no file {name}"
        elif name == words[0]:
            known = (ROOT / name).read_text()
            yield from (f"{name} has no option {w}" for w in words if w.startswith("--") and f'"{w}"' not in known)
    if words[:1] == ["-m"] and words[1].startswith(("ser_keras", "tests")) and (missing := _missing(words[1])):
        yield missing


def _of_names(passage: Passage, folder: Path, page: str) -> Iterator[str]:
    """Links, and in code within text the files and modules of the repository."""
    if passage.kind == "code":
        return
    plain = INLINE.sub("", passage.text)
    for target in LINK.findall(plain):
        if "://" in target or target.startswith("mailto:"):
            continue
        path, _, part = target.partition("#")
        if not (folder / path).exists():
            yield f"the link {target} leads nowhere"
        elif part and (folder / path).suffix in ("", ".md"):
            content = (folder / path).read_text() if path else page
            if part not in [_anchor(title) for title in re.findall(r"^#+ (.+)$", content, re.M)]:
                yield f"the link {target} names no heading"
    for code in INLINE.findall(passage.text):
        if re.fullmatch(rf"(?:{'|'.join(FOLDERS)})/[\w./-]*[\w/]", code) and not code.startswith(MADE):
            if not (ROOT / code).exists() and not any(PLACEHOLDER.fullmatch(part) for part in re.split(r"[/.]", code)):
                yield f"no file {code}"
        elif re.fullmatch(r"ser_keras(?:\.\w+)+", code) and (missing := _missing(code)):
            yield missing


def _anchor(title: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def _missing(name: str) -> str:
    """What of a dotted name does not exist, or "": a module's file, and within it the last parts as words."""
    if name in plugins.GROUPS:  # names of entry points
        return ""
    first, *parts = name.split(".")
    path = ROOT / first
    for i, part in enumerate(parts):
        if path == ROOT / "ser_keras" and part in ("export", "tuning"):
            path = ROOT / part
        elif (path / part).is_dir():
            path = path / part
        elif (path / f"{part}.py").is_file():
            path = path / f"{part}.py"
        else:
            source = path if path.is_file() else path / "__init__.py"
            absent = [word for word in parts[i:] if not re.search(rf"\b{word}\b", source.read_text())]
            return f"{name}: {source.relative_to(ROOT)} has no {absent[0]}" if absent else ""
    return ""


def _of_python_blocks(text: str) -> Iterator[str]:
    """Blocks of Python parse, and what they import from the project exists."""
    blocks, last = [], None
    for passage in passages(text):
        if passage.kind == "code" and passage.language == "python":
            if last is None:
                blocks.append("")
            blocks[-1] += passage.text + "\n"
            last = passage
        else:
            last = None
    for block in blocks:
        try:
            tree = ast.parse(_dedented(block))
        except SyntaxError as error:
            yield f"a block of Python does not parse: {error}"
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                imported = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                imported = [f"{node.module}.{alias.name}" for alias in node.names]
            else:
                continue
            yield from (m for name in imported if name.startswith("ser_keras") and (m := _missing(name)))


def _dedented(block: str) -> str:
    margin = len(block) - len(block.lstrip(" "))
    return "".join(line[margin:] if line.strip() else line for line in block.splitlines(keepends=True))
