"""Names of graphs, tensors and files that a bundle holds."""

INPUT_NAME, OUTPUT_NAME, SIGNATURE = "audio", "probabilities", "serving_default"
FEATURES, STEP = "features", "step"  # signatures, and the former's output
FEATURES_FILE = "features.tflite"  # the front end alone
STEP_FILE, STEP_FLOAT_FILE = "step.tflite", "step_float32.tflite"  # one step of a causal sequence model
