// The bundle that ships with the package: its name stands in ser_keras/runtime/bundle.py and nowhere else.

import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const package_ = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..", "..", "ser_keras");
const [, name] = /^DEFAULT_MODEL = "(\w+)"$/m.exec(readFileSync(path.join(package_, "runtime", "bundle.py"), "utf8"));

export const shipped = path.join(package_, "pretrained", name);
