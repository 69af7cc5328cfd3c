"""What an extractor or a classifier is, is said by its class or its registry entry, and never asked by names."""

import ast
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
REGISTRIES = {"BASELINES", "MODELS", "DESCRIPTORS", "FRONT_ENDS", "FACE_FRONT_ENDS", "EXTRACTORS"}
ATTRIBUTES = {"whole", "probabilities", "corpora", "outputs", "parts", "semi_supervised", "head", "net", "frontend"}
ANSWERS = {REPOSITORY / "ser_keras/models/layers/sequence.py"}  # `takes_sequences`: what is built is asked once
KINDS = {"FrontEnd", "AudioVisual", "FaceFrames", "Baseline", "FittedHead"}


def name_of(node):
    """The last name of `a.b.NAME` or `NAME`."""
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", None)


def questions(source):
    """Lines that ask what something is by a registry's names, an attribute, a class or a number of inputs."""
    lines = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare):
            membership = any(isinstance(op, ast.In | ast.NotIn) for op in node.ops)
            if membership and any(name_of(side) in REGISTRIES for side in node.comparators):
                lines.append(f"{node.lineno}: in {name_of(node.comparators[-1])}")
            if isinstance(node.left, ast.Call) and name_of(node.left.func) == "len":
                lines += [f"{node.lineno}: len inputs" for a in node.left.args if getattr(a, "attr", None) == "inputs"]
        if not isinstance(node, ast.Call) or len(node.args) < 2:
            continue
        function, second = name_of(node.func), node.args[1]
        if function in ("getattr", "hasattr") and isinstance(second, ast.Constant) and second.value in ATTRIBUTES:
            lines.append(f"{node.lineno}: {function} {second.value!r}")
        if function == "isinstance":
            classes = second.elts if isinstance(second, ast.Tuple) else [second]
            lines += [f"{node.lineno}: isinstance {name_of(c)}" for c in classes if name_of(c) in KINDS]
    return lines


def test_nothing_asks_for_a_kind_by_name_or_attribute():
    folders = ("ser_keras", "export", "tuning", "benchmarks")
    files = {file.resolve() for folder in folders for file in (REPOSITORY / folder).rglob("*.py")} - ANSWERS
    asked = {str(file): lines for file in files if (lines := questions(file.read_text(encoding="utf-8")))}
    assert len(files) > 150 and asked == {}


@pytest.mark.parametrize(
    "source",
    [
        "if experiment.model.name in BASELINES: pass",
        "if name not in baselines.BASELINES: pass",
        'whole = getattr(extractor, "whole", False)',
        'if hasattr(model, "probabilities"): pass',
        "if not isinstance(extractor, FrontEnd): pass",
        "if isinstance(model, (Baseline, int)): pass",
        "if len(classifier.inputs) == 2: pass",
    ],
)
def test_the_questions_of_former_days_are_seen(source):
    assert len(questions(source)) == 1
