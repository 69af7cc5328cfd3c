"""The JDK's programs and the Kotlin compiler, as the checks call them."""

import os
import re

from tools import CheckError, call

RELEASE = 17  # of Java: the oldest JDK that will do, and the stand-in's
BYTECODE = 11  # of the app, as app/build.gradle says
LANGUAGE = "2.2"  # of Kotlin: what Android's Gradle plugin 9.2 brings
QUICK_START = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")  # for programs that run for seconds
KOTLIN = (
    "kotlin-compiler",
    "kotlin-stdlib",
    "kotlin-script-runtime",
    "kotlin-reflect",
    "kotlin-daemon-client",
    "kotlinx-coroutines-core-jvm",
    "annotations-13.0",
)


def require():
    """Raise CheckError where there is no JDK, or one that is too old."""
    said = call(["javac", "-version"], "looking for a JDK")
    if int(re.search(r"\d+", said).group()) < RELEASE:
        raise CheckError(f"a JDK of version {RELEASE} or newer is needed, this is {said.strip()}")


def java(what, classpath, main, *arguments, settings=None):
    """Run a class (or one Java source file) and return what it printed; `settings` are system properties."""
    properties = [f"-D{name}={value}" for name, value in (settings or {}).items()]
    return _run("java", what, *QUICK_START, "-Xmx1500m", *properties, "-cp", joined(classpath), main, *arguments)


def javac(what, target, classpath, sources, release=RELEASE):
    """Compile Java sources into the folder `target`."""
    quick = [f"-J{option}" for option in QUICK_START]
    options = ["-nowarn", "-Xlint:-options", "--release", release, "-d", target, "-cp", joined(classpath)]
    _run("javac", what, *quick, *options, *sources)


def described(classes, names):
    """What `javap` says of the public and protected members of classes in the folder `classes`."""
    return _run("javap", "reading the stand-in", "-protected", "-constants", "-cp", classes, *names)


def jar(*arguments):
    _run("jar", "packing", *arguments)


def kotlin_arguments(target, classpath, sources):
    """The Kotlin compiler's arguments; warnings are errors."""
    options = ["-no-stdlib", "-no-reflect", "-Werror", "-jvm-target", BYTECODE, "-language-version", LANGUAGE]
    options += ["-api-version", LANGUAGE, "-module-name", target.name, "-d", target]
    return [*options, "-classpath", joined(classpath), *sources]


def joined(paths):
    return os.pathsep.join(map(str, paths))


def _run(program, what, *arguments):
    return call([program, *map(str, arguments)], what)
