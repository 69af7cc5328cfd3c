"""Lines for a terminal."""


def missing_package(package):
    extra = {"ai_edge_quantizer": "export", "flatbuffers": "export", "espeakng_loader": "demo"}
    extra |= {"keras_tuner": "tune", "grpc": "tune"}
    name = extra.get((package or "").partition(".")[0], "train-cpu")
    return f"this needs the package '{package}': pip install 'ser-keras[{name}]' (train instead of train-cpu for a GPU)"


def headline(figures):
    low, high = figures["uar_ci95"]
    leaky = "LEAKY " if figures["leaky"] else ""
    segment = figures["segment"]  # None where the classifier heard whole utterances
    windows = f"; single windows: UAR {segment['uar']:.3f}" if segment else ""
    return (
        f"{leaky}{figures['protocol']}: UAR {figures['uar']:.3f} [{low:.3f}, {high:.3f}], WA {figures['wa']:.3f} "
        f"({figures['n_utterances']} utterances, {figures['n_speakers']} speakers, {len(figures['classes'])} classes"
        f"{windows})"
    )


def readable(result):
    if "error" in result:
        return f"{result['file']}: {result['error']}"
    ordered = sorted(result["probabilities"].items(), key=lambda item: -item[1])
    heard = result["emotion"] if result["speech"] else "no speech"
    warnings = "".join(f"\n  note: {line}" for line in result["warnings"])
    bars = "\n".join(f"  {name:<10} {p:6.1%} {'█' * round(30 * p)}" for name, p in ordered)
    return f"{result['file']}: {heard}\n{bars}{warnings}"
