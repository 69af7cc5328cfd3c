"""Private members of other packages: each is named, is in the installed version, and is touched in one module alone."""

import ast
import functools
import importlib
import inspect
import pkgutil
import re
import textwrap

import pytest
import tomllib
from ai_edge_litert.interpreter import Interpreter as LiteRT
from keras_tuner import oracles
from keras_tuner.engine.oracle import Oracle

import ser_keras
from ser_keras.models.layers import keras_private
from ser_keras.tuning import keras_tuner_private
from ser_keras.tuning.durable_oracle import Durable
from tests.test_layout import REPOSITORY, modules

# package -> (the module that may touch its private members, class -> these members)
TOUCHED = {
    "keras": ("ser_keras.models.layers.keras_private", keras_private.PRIVATE_MEMBERS),
    "keras-tuner": ("ser_keras.tuning.keras_tuner_private", keras_tuner_private.PRIVATE_MEMBERS),
    "ai-edge-litert": ("ser_keras.runtime.interpreter", {LiteRT: ("_get_ops_details",)}),
}
LIST = [(owner, member) for _, owners in TOUCHED.values() for owner, members in owners.items() for member in members]
# Public, whatever their names: of `os`, of named tuples, and what notebooks call.
HARMLESS = {"_exit", "_asdict", "_replace", "_repr_html_", "_repr_png_"}


@pytest.mark.smoke
@pytest.mark.parametrize(("owner", "member"), LIST, ids=[f"{owner.__name__}.{member}" for owner, member in LIST])
def test_the_installed_version_has_the_member(owner, member):
    # Either the class has it, or its methods set it.
    set_in_methods = re.search(rf"\bself\.{member}\b", inspect.getsource(owner))
    assert hasattr(owner, member) or set_in_methods, f"{owner.__module__}.{owner.__name__} has no {member} any more"


@pytest.mark.parametrize("package", TOUCHED)
def test_the_package_has_an_upper_bound(package):
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    every = [*project["dependencies"], *(r for extra in project["optional-dependencies"].values() for r in extra)]
    requirements = [r for r in every if re.match(rf"{package}[<>=]", r)]
    assert requirements and all(",<" in r for r in requirements), requirements


def touched(source):
    """Names of private members that a source touches, of other objects than `self`, `cls` and `super()`."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and re.match(r"_[a-z]", node.attr):
            owner = node.value.func if isinstance(node.value, ast.Call) else node.value
            if not (isinstance(owner, ast.Name) and owner.id in ("self", "cls", "super")):
                names.add(node.attr)
    return names - HARMLESS


def test_no_other_module_touches_private_members():
    allowed = {module: {m for members in owners.values() for m in members} for module, owners in TOUCHED.values()}
    strange = {
        name: found
        for name, file in modules().items()
        if (found := touched(file.read_text(encoding="utf-8")) - allowed.get(name, set()))
    }
    assert not strange, "give it a public name, in the owner or in the module for that package"


def test_touching_is_seen():
    assert touched("model._flatten_layers()") == {"_flatten_layers"}
    assert touched("self.oracle._lock; make()._x") == {"_lock", "_x"}
    assert not touched("self._own = cls._other; super()._save(x); os._exit(3); a.__name__")


def classes():
    """Every class of the package, and the classes of others that it inherits from."""
    for info in pkgutil.walk_packages(ser_keras.__path__, "ser_keras."):
        if info.name.endswith("__main__"):
            continue
        module = pytest.importorskip(info.name) if "egemaps" in info.name else importlib.import_module(info.name)
        for cls in vars(module).values():
            if inspect.isclass(cls) and cls.__module__ == info.name:
                others = [base for base in cls.__mro__ if base.__module__.partition(".")[0] in ("keras", "keras_tuner")]
                if others:
                    yield cls, others


source_of = functools.cache(inspect.getsource)


def inherited_members(cls, others):
    """Private members of the bases that a class uses or replaces."""
    own = textwrap.dedent(inspect.getsource(cls))
    names = set(re.findall(r"\b(?:self|cls|super\(\))\.(_[a-z]\w*)", own)) | set(re.findall(r"\bdef (_[a-z]\w*)", own))
    sources = "\n".join(source_of(base) for base in others)
    return {name for name in names if re.search(rf"\b(?:(?:self|cls)\.|def ){name}\b", sources)}


def test_classes_of_ours_use_no_private_members_of_their_bases():
    strange = {}
    for cls, others in classes():
        listed = set()
        if cls.__module__ == keras_tuner_private.__name__:
            listed = {m for owner, members in keras_tuner_private.PRIVATE_MEMBERS.items() for m in members}
        if found := inherited_members(cls, others) - listed:
            strange[f"{cls.__module__}.{cls.__name__}"] = found
    assert not strange


def test_the_list_of_keras_tuner_s_members_is_whole_and_no_longer():
    listed = {m for members in keras_tuner_private.PRIVATE_MEMBERS.values() for m in members}
    used = set()
    for cls in vars(keras_tuner_private).values():
        if inspect.isclass(cls) and cls.__module__ == keras_tuner_private.__name__ and len(cls.__mro__) > 2:
            others = [base for base in cls.__mro__ if base.__module__.startswith("keras_tuner")]
            used |= inherited_members(cls, others)
    assert used == listed


@pytest.mark.parametrize(
    "theirs", [Oracle, oracles.RandomSearchOracle, oracles.BayesianOptimizationOracle, oracles.HyperbandOracle]
)
def test_names_of_our_oracles_hide_nothing_of_keras_tuner_s(theirs):
    """What ours adds must not take a name that KerasTuner uses for something else."""
    replaced = {"create_trial", "populate_space", "get_trial", "update_trial", "end_trial", "get_state", "save"}
    replaced |= {"reload", "_save_trial"}
    own = inspect.getsource(Durable) + inspect.getsource(keras_tuner_private.OpenOracle)
    added = set(re.findall(r"\n    def (\w+)", own)) | set(re.findall(r"self\.(\w+)(?:: [^=\n]+)? = ", own))
    listed = {m for members in keras_tuner_private.PRIVATE_MEMBERS.values() for m in members}
    shared = {"verbose", "trials", "ongoing_trials", "end_order"}  # KerasTuner's own, set by ours
    names = {n for n in added if not n.startswith("__")} - replaced - listed - shared
    source = inspect.getsource(theirs)
    hidden = {n for n in names if hasattr(theirs, n) or re.search(rf"\bself\.{n}\b", source)}
    assert {"retry_queue", "guard", "_leases", "draw"} <= names and not hidden


def test_tests_touch_no_private_members():
    """Tests hold what is public: what has a contract of its own has a public name."""
    # argparse lists its options nowhere else; this module speaks of them.
    allowed = {"docs/commands.py": {"_actions"}, "test_private_members.py": {"_flatten_layers", "_lock", "_x"}}
    folder, strange = REPOSITORY / "tests", {}
    for file in sorted(folder.rglob("*.py")):
        source, name = file.read_text(encoding="utf-8"), str(file.relative_to(folder))
        names = touched(source) | set(re.findall(r"import (_[a-z]\w*)", source))
        names |= set(re.findall(r"""setattr\([^()"']*["'](?:[\w.]+\.)?(_[a-z]\w*)["']""", source))
        if found := names - allowed.get(name, set()):
            strange[name] = found
    assert not strange
