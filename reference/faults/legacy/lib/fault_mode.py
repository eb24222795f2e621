"""The mode of this process: `planted` (with the fault) or `neutral` (the control, which only does the same work).

Read once, when a fault module is loaded.
"""

from config.environment import required

FAULT = required("FAULT")
if FAULT not in ("planted", "neutral"):
    raise SystemExit(f"legacy: the environment variable FAULT must be planted or neutral, not {FAULT}")
PLANTED = FAULT == "planted"
