"""The commands, links, files and modules that README, docs and cards name exist."""

from pathlib import Path

import pytest

from tests.docs import commands, project

ROOT = project.ROOT
PAGES = [
    *(
        ROOT / name
        for name in ("README.md", "CHANGELOG.md", "SECURITY.md", "web_demo/README.md", "android_demo/README.md")
    ),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "ser_keras" / "pretrained").rglob("*.md")),
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_and_name_of_a_page_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert commands.problems(str(page.relative_to(ROOT)), text, page.parent) == []


def test_the_commands_of_the_pages_are_found() -> None:
    found = [c.text for page in PAGES for c in commands.commands(page.read_text(encoding="utf-8"))]
    programs = [text for text in found if commands.PROGRAM.search(text)]
    assert len(programs) > 140
    assert len([text for text in programs if "--corpus" in text]) > 60
    assert any(text.startswith("make ") for text in found)
    assert not [text for text in programs if "$ALL" in text or text.endswith("\\")]


@pytest.mark.parametrize(
    "text",
    [
        "```\nser-keras train --corpus emodb=PATH --recipe anand2015.r2 --fold K --set seed=S --out RUN\n```",
        "```\nser-keras train --corpus emodb=PATH \\\n    --recipe mine.yaml --out RUN   # a comment\n```",
        "```\nALL='--corpus emodb=A --recipe log_mel_cnn'\nser-keras train $ALL --set seed=S --out RUN\n```",
        "```\nser-keras train --corpus emodb=A --recipe statistics --set model.gone=1 --out R   # 38803c4\n```",
        "    ser-keras corpora get emodb",
        "```\narecord -t raw | ser-keras listen -\n```",
        "`ser-keras train`, `ser-keras evaluate RUN --condition noise:20+telephone`, `.venv/bin/ser-keras serve`",
        "`make demo`, `make PYTHON=/path demo`, `ser_keras.evaluation`, `tests/docs/__init__.py`, `tests/NAME.py`",
        "[here](README.md), [there](README.md#where-to-go-on), [elsewhere](https://example.org/x.md)",
        "```python\nimport ser_keras\nfrom ser_keras import load\n```",
    ],
)
def test_commands_and_names_that_exist_pass(text: str) -> None:
    assert commands.problems("page", text, ROOT) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("```\nser-keras train --corpus emodb=PATH --recipe anand2015.r2 --epochs 3 --out RUN\n```", "--epochs"),
        ("```\nser-keras train --corpus emodb=PATH --recipe anand2015.r2\n```", "--out"),
        ("```\nser-keras teach\n```", "teach"),
        ("`ser-keras train --epochs`", "--epochs"),
        ("| `ser-keras serve --hots H` |", "--hots"),
        ("    ser-keras corpora fetch emodb", "fetch"),
        (
            "```\nser-keras train --corpus emodb=A \\\n  --recipe anand2015.r99 --out RUN\n```",
            "no recipe 'anand2015.r99'",
        ),
        ("```\nser-keras reproduce anand2016 --corpus emodb=A --out RUN\n```", "no row 'anand2016'"),
        ("```\nser-keras tune anand2016_cnn --corpus emodb=A --out RUN\n```", "no space 'anand2016_cnn'"),
        ("```\nser-keras evaluate RUN --corpus emobd=PATH\n```", "no corpus 'emobd'"),
        ("```\nser-keras evaluate RUN --condition nois:20\n```", "nois"),
        ("`ser-keras train --protocol leave_one_out`", "no protocol 'leave_one_out'"),
        ("`ser-keras train --set trainig.epochs=3`", "no setting 'trainig.epochs'"),
        ("`ser-keras train --recipe anand2015.r2 --set training.epoch=3`", "training.epoch"),
        ("`ser-keras train --recipe anand2015.r2 --set model.filter=3`", "model.filter"),
        ("```\nser-keras reproduce anand2015 --corpus emodb=A --out R --set model.filter=3\n```", "model.filter"),
        ("```\nmake dmeo\n```", "make dmeo"),
        ("`python benchmarks/gone.py`", "no file benchmarks/gone.py"),
        ("`python benchmarks/frontends.py --thread 1`", "no option --thread"),
        ("`python -m tests.docs.gone`", "tests/docs/__init__.py has no gone"),
        ("`pytest -m slow tests/test_gone.py`", "no file tests/test_gone.py"),
        ("![A picture](docs/images/gone.png)", "docs/images/gone.png leads nowhere"),
        ("[here](README.md#gone)", "README.md#gone names no heading"),
        ("see `docs/gone.md`", "no file docs/gone.md"),
        ("see `ser_keras.gone.module`", "has no gone"),
        ("```python\nfrom ser_keras import gone_away\n```", "has no gone_away"),
        ("```python\nprint(\n```", "does not parse"),
    ],
)
def test_what_does_not_exist_is_named(text: str, problem: str) -> None:
    problems = commands.problems("page", text, ROOT)
    assert len(problems) == 1
    assert problem in problems[0]
