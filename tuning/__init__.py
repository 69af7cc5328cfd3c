"""Searches for settings: spaces as YAML, KerasTuner's strategies, honest objectives, many workers (docs/tuning.md)."""
