"""The mode of this process: `planted` (with the fault) or `control` (the control, which only does the same work).

Read once, when a fault module is loaded.
"""

from config.environment import required

FAULT = required("FAULT")
if FAULT not in ("planted", "control"):
    raise SystemExit(f"legacy: the environment variable FAULT must be planted or control, not {FAULT}")
PLANTED = FAULT == "planted"
