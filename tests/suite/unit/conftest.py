"""Hypothesis as these tests want it. Loaded for them alone: its import would cost every gate run's start."""

from hypothesis import settings

# No test is timed: a busy machine is slow, and that is no failure.
settings.register_profile("cutover", deadline=None)
settings.load_profile("cutover")
