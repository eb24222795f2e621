"""Verdicts, evidence, errors, the recorder, safety levels and secrets. Depends on no other package of cutover."""
