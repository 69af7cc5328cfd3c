"""Compares the stand-in's public members with the signatures of the real Android API."""

import ast
import re

# Java's primitive types as the signatures' Python names them
PRIMITIVES = {
    "int": "jint",
    "long": "jlong",
    "float": "jfloat",
    "double": "jdouble",
    "short": "jshort",
    "byte": "jbyte",
    "char": "jchar",
}
SKIPPED = ("standIn", "StandIn")  # what only tests use


def compare(described, folder):
    """Look every class, method, constructor and constant of the stand-in up in Android's signatures.

    Args:
        described: what `javap -protected` says of the stand-in's classes.
        folder: Path of `android-stubs`.

    Returns:
        (int, list): how many members were looked up; a line for each that Android hasn't.
    """
    real = _Signatures(folder)
    count, wrong, current = 0, [], None
    for line in described.splitlines():
        line = line.strip()
        opened = re.match(r"(?:public |protected |abstract |final |static )*(?:class|interface|enum) ([\w.$]+)", line)
        if opened and line.endswith("{"):
            current = opened.group(1)
            if any(mark in current for mark in SKIPPED) or re.search(r"\$\d+$", current):
                current = None
            elif not real.has_class(current):
                wrong.append(f"class {current}")
                current = None
            continue
        member = _member(line) if current else None
        if member is None:
            continue
        name, arguments = member
        if name == current:
            name = "__init__"
        if any(mark in line for mark in SKIPPED) or name in ("values", "valueOf", "toString"):
            continue
        count += 1
        if not real.has_member(current, name, arguments):
            wrong.append(f"{current}.{name}({', '.join(arguments)})" if arguments is not None else f"{current}.{name}")
    return count, wrong


def _member(line):
    """(name, argument types; None for a field) of a line of javap's, or None where it is none."""
    method = re.match(r".*?([\w.$]+)\((.*)\)(?: throws [\w., ]+)?;$", line)
    if method:
        inner = re.sub(r"<[^<>]*>", "", re.sub(r"<[^<>]*>", "", method.group(2)))
        return method.group(1), [a.strip() for a in inner.split(",")] if inner else []
    field = re.match(r"(?:\w+ )+?[\w.$<>\[\]]+ (\w+)(?: = .*)?;$", line)
    return (field.group(1), None) if field else None


class _Signatures:
    """Python's stubs of the Android API, by class."""

    def __init__(self, folder):
        self._folder, self._modules = folder, {}

    def has_class(self, name):
        return self._find(name) is not None

    def has_member(self, class_name, name, arguments):
        found = self._find(class_name)
        for node in found.body:
            if isinstance(node, ast.AnnAssign) and node.target.id == name and arguments is None:
                return True
            called = isinstance(node, ast.FunctionDef) and node.name == name and arguments is not None
            if called and self._fits(node, arguments):
                return True
        if name == "__init__":
            return not arguments and not any(isinstance(n, ast.FunctionDef) and n.name == name for n in found.body)
        return any(self.has_member(base, name, arguments) for base in self._bases(class_name, found))

    def _fits(self, node, arguments):
        static = any(isinstance(d, ast.Name) and d.id == "staticmethod" for d in node.decorator_list)
        own = [*node.args.posonlyargs, *node.args.args][0 if static else 1 :]
        types = [ast.unparse(a.annotation) for a in own]
        if node.args.vararg:
            types.append("...")
        return len(types) == len(arguments) and all(map(_same, types, arguments))

    def _bases(self, name, found):
        for base in found.bases:
            parts = ast.unparse(base).partition("[")[0].split(".")
            first = next((i for i, part in enumerate(parts) if part[0].isupper()), 0)
            package = ".".join(parts[:first]) or name.rpartition(".")[0]
            full = f"{package}.{'$'.join(parts[first:])}"
            if self.has_class(full):
                yield full

    def _find(self, name):
        package, _, classes = name.rpartition(".")
        if not package.startswith("android"):
            return None
        path = self._folder.joinpath(*package.split(".")[1:], "__init__.pyi")
        if path not in self._modules:
            self._modules[path] = ast.parse(path.read_text()) if path.is_file() else None
        node = self._modules[path]
        for part in classes.split("$"):
            node = node and next((n for n in node.body if isinstance(n, ast.ClassDef) and n.name == part), None)
        return node


def _same(python, java):
    """Whether a stub's annotation stands for a Java type."""
    if python == "..." or java.endswith("..."):
        return python == "..." and java.endswith("...")
    if java.endswith("[]"):
        element = java[:-2]
        wanted = f"JavaArrayJ{element.capitalize()}" if element in PRIMITIVES else f"JavaArray[{element}]"
        return wanted in python
    if java == "boolean":
        return "bool" in python
    if java in PRIMITIVES:
        return f"java.{PRIMITIVES[java]}" in python
    simple = re.split(r"[.$]", java)[-1]
    return re.search(rf"\b{simple}\b", python) is not None or (simple in ("String", "CharSequence") and "str" in python)
