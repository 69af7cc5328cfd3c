"""All checks of the Android demo that a machine without Google's registries can make: `make android`, `make apk`."""

import argparse
import importlib.util
import re
import shutil
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import jdk  # noqa: E402
import signatures  # noqa: E402
import sound_files  # noqa: E402
from tools import CheckError, call, fetch  # noqa: E402

DEMO = Path(__file__).parents[1]
MAIN = DEMO / "app/src/main"
CHECKS = DEMO / "checks"
TESTS = (DEMO / "app/src/test/kotlin", CHECKS / "tests")  # Gradle runs the first; the second needs the stand-in
MIN_SDK, TARGET_SDK = 24, 35
PACKAGE = "org.serkeras.demo"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", nargs="?", choices=["check", "apk"], default="check")
    parser.add_argument("--bundle", type=Path, default=shipped_bundle())
    parser.add_argument("--build", type=Path, default=DEMO.parent / "build/android")
    options = parser.parse_args()
    try:
        Checks(options.bundle.resolve(), options.build.resolve()).run(options.part)
    except CheckError as error:
        print(f"android: {error}", file=sys.stderr)
        return 1
    return 0


def shipped_bundle():
    """The bundle that ships with the package: its name stands in the package's sources alone."""
    package = DEMO.parent / "ser_keras"
    [name] = re.findall(r'^DEFAULT_MODEL = "(\w+)"$', (package / "runtime/bundle.py").read_text(), re.MULTILINE)
    return package / "pretrained" / name


class Checks:
    """The steps in their order; each leaves its output in the build folder for the next.

    Args:
        bundle: exported bundle that goes into the app.
        build: folder for tools and output.
    """

    def __init__(self, bundle, build):
        self.bundle, self.build, self.out = bundle, build, build / "out"
        self.stand_in_classes = self.out / "stand-in"
        self.tools = {}

    def run(self, part):
        began = time.monotonic()
        shutil.rmtree(self.out, ignore_errors=True)
        self.out.mkdir(parents=True)
        jdk.require()
        if not (self.bundle / "bundle.json").is_file():
            raise CheckError(f"{self.bundle} is no bundle: it holds no bundle.json")
        self.tools = fetch(self.build / "tools")
        last = ("APK", self.apk) if part == "apk" else ("tests", self.tests)
        for name, step in (
            ("Gradle files", self.gradle),
            ("resources and manifest", self.resources),
            ("stand-in for Android", self.stand_in),
            ("Kotlin", lambda: self.kotlin(with_tests=part == "check")),
            last,
        ):
            said = step()
            print(f"{time.monotonic() - began:5.0f} s  {name}: {said}", flush=True)

    def gradle(self):
        build_classes = DEMO / "buildSrc/src/main/groovy"
        path = [*self._tools("groovy", "groovy-json", "asm", "antlr"), CHECKS / "gradle", build_classes]
        script = CHECKS / "gradle/CheckGradle.groovy"
        assets = self.out / "assets"
        jdk.java("checking the Gradle files", path, "groovy.ui.GroovyMain", script, DEMO, self.bundle, assets)
        copied = len(list((assets / "bundle").iterdir()))
        return f"parsed; {copied} files of {self.bundle.name} and the licences copied into the assets"

    def resources(self):
        compiled, linked = self.out / "resources.zip", self.out / "linked.apk"
        self._aapt2("compile", "--dir", MAIN / "res", "-o", compiled)
        manifest = (MAIN / "AndroidManifest.xml").read_text()  # Gradle's plugin puts the package into it
        merged = self.out / "AndroidManifest.xml"
        merged.write_text(manifest.replace("<manifest ", f'<manifest package="{PACKAGE}" ', 1))
        versions = ["--min-sdk-version", MIN_SDK, "--target-sdk-version", TARGET_SDK]
        versions += ["--version-code", 1, "--version-name", "0.1.0"]
        content = ["--manifest", merged, "-A", self.out / "assets", "--java", self.out / "r", compiled]
        self._aapt2("link", "-I", self.tools["framework"], *versions, *content, "-o", linked)
        permissions = re.findall(r"uses-permission: name='([^']+)'", self._aapt2("dump", "permissions", linked))
        if permissions != ["android.permission.RECORD_AUDIO"]:
            raise CheckError(f"the app may ask for the microphone alone, its manifest asks for {permissions}")
        return f"linked for {MIN_SDK} to {TARGET_SDK}; permissions: {', '.join(permissions)}"

    def stand_in(self):
        used = [p.name for p in (MAIN / "kotlin").rglob("*.kt") if "standin" in p.read_text().lower()]
        if used:
            raise CheckError(f"{', '.join(used)}: the app may not use what the stand-in adds for tests")
        classes = self.stand_in_classes
        sources = [*(CHECKS / "standin").rglob("*.java"), *(self.out / "r").rglob("*.java")]
        jdk.javac("compiling the stand-in", classes, [self._jna()], sources)
        found = [str(p.relative_to(classes))[: -len(".class")] for p in (classes / "android").rglob("*.class")]
        text = jdk.described(classes, [name.replace("/", ".") for name in sorted(found)])
        members, wrong = signatures.compare(text, self.tools["signatures"])
        if wrong:
            raise CheckError("the stand-in has what Android hasn't: " + "; ".join(wrong))
        return f"{len(found)} classes, all {members} members have Android's signatures"

    def kotlin(self, with_tests):
        # each part sees only what it may use: `core` no class of Android's, the app no test
        core, app, tests = (self.out / part for part in ("core", "app", "tests"))
        litert, stdlib = self.out / "litert", self.tools["kotlin-stdlib"]
        shutil.copytree(self.stand_in_classes / "org/tensorflow", litert / "org/tensorflow")
        sources = sorted((MAIN / "kotlin").rglob("*.kt"))
        in_core = [p for p in sources if p.parent.name == "core"]
        parts = [(core, in_core, [litert, self.tools["json"], stdlib])]
        parts.append((app, [p for p in sources if p not in in_core], [core, self.stand_in_classes, stdlib]))
        if with_tests:
            parts.append((tests, sorted(self._test_sources()), [*self._classes(), stdlib]))
        listed = [self.out / f"{target.name}.arguments" for target, _, _ in parts]
        for file, (target, files, path) in zip(listed, parts, strict=True):
            file.write_text("\n".join(map(str, jdk.kotlin_arguments(target, path, files))))
        compiler = self._tools(*jdk.KOTLIN)
        jdk.java("compiling the Kotlin sources", compiler, CHECKS / "kotlin/CompileAll.java", *listed)
        return ", ".join(f"{len(files)} files of {target.name}" for target, files, _ in parts)

    def tests(self):
        pictures = self.build / "pictures"
        pictures.mkdir(exist_ok=True)
        sound_files.make(self.bundle, self.out / "files")
        settings = {
            "litert.library": _litert(),
            "bundle": self.bundle,
            "assets": self.out / "assets",
            "res": MAIN / "res",
            "files": self.out / "files",
            "pictures": pictures,
            "java.awt.headless": "true",
        }
        names = [name for path, name in self._test_sources().items() if path.stem.endswith("Test")]
        path = [self.out / "tests", *self._classes(), self.tools["kotlin-stdlib"], self._jna()]
        said = jdk.java("the tests", path, "org.junit.runner.JUnitCore", *sorted(names), settings=settings)
        passed = re.search(r"OK \((\d+) tests\)", said)
        if not passed:
            raise CheckError("JUnit didn't say that all tests passed")
        return f"{passed.group(1)} passed; pictures of the screen in {pictures}"

    def apk(self):
        dexed, unsigned = self.out / "dex", self.out / "unsigned.apk"
        signed = self.build / "ser-keras-demo-without-runtime.apk"
        dexed.mkdir()
        jdk.javac("compiling R", self.out / "r-classes", [], (self.out / "r").rglob("*.java"), jdk.BYTECODE)
        packed = []
        for part in ("core", "app", "r-classes"):
            packed.append(self.out / f"{part}.jar")
            jdk.jar("--create", "--file", packed[-1], "-C", self.out / part, ".")
        # D8 knows the stand-in as it would know android.jar: nothing of it goes into the APK
        home = Path(shutil.which("javac")).resolve().parents[1]
        options = ["--release", "--min-api", MIN_SDK, "--lib", home, "--classpath", self.stand_in_classes]
        d8 = "com.android.tools.r8.D8"
        content = [self.tools["kotlin-stdlib"], *packed]
        jdk.java("making dex files", [self.tools["bundletool"]], d8, *options, "--output", dexed, *content)
        shutil.copy(self.out / "linked.apk", unsigned)
        for path in sorted(dexed.glob("*.dex")):
            jdk.jar("--update", "--no-manifest", "--file", unsigned, "-C", dexed, path.name)
        self._sign(unsigned, signed)
        dex = ["list", "classes", dexed / "classes.dex"]
        there = jdk.java("reading dex", [self.tools["baksmali"]], "com.android.tools.smali.baksmali.Main", *dex)
        if f"L{PACKAGE.replace('.', '/')}/MainActivity;" not in there or "Landroid/" in there:
            raise CheckError("the dex file doesn't hold what it should")
        return f"{signed.stat().st_size / 1e6:.1f} MB, signed and verified; it lacks LiteRT, so it can't run: {signed}"

    def _sign(self, unsigned, signed):
        store = self.build / "debug.keystore"
        if not store.is_file():
            key = ["-keystore", store, "-storepass", "android", "-keypass", "android", "-alias", "debug"]
            key += ["-keyalg", "RSA", "-keysize", "2048", "-validity", "10000", "-dname", "CN=debug"]
            call(["keytool", "-genkeypair", *map(str, key)], "making a debug key")
        path, signer = [self.tools["apksigner"]], "com.android.apksigner.ApkSignerTool"
        keys = ["--ks", store, "--ks-pass", "pass:android"]
        jdk.java("signing the APK", path, signer, "sign", *keys, "--out", signed, unsigned)
        jdk.java("verifying the APK", path, signer, "verify", "--min-sdk-version", MIN_SDK, signed)

    def _aapt2(self, *arguments):
        return call([str(part) for part in (self.tools["aapt2"], *arguments)], f"aapt2 {arguments[0]}")

    def _classes(self):
        """What tests may use."""
        return [self.out / "app", self.out / "core", self.stand_in_classes, *self._tools("junit", "hamcrest", "json")]

    def _test_sources(self):
        """Path -> class name."""
        found = [(path, path.relative_to(root)) for root in TESTS for path in root.rglob("*.kt")]
        return {path: ".".join(relative.with_suffix("").parts) for path, relative in found}

    def _tools(self, *names):
        return [self.tools[name] for name in names]

    def _jna(self):
        return self.tools["jna"].parents[2]  # the folder that holds com/sun/jna


def _litert():
    found = importlib.util.find_spec("ai_edge_litert")
    library = found and Path(found.origin).parent / "libLiteRt.so"
    if not library or not library.is_file():
        raise CheckError("no libLiteRt.so beside this Python: pip install ai-edge-litert==2.3.0")
    return library


if __name__ == "__main__":
    sys.exit(main())
