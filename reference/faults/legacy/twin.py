"""Which of the two twins this process is: the defect or the one that only does the same work.

Read once, when a defect is loaded. Not for anything that the defects themselves do.
"""

from config.environment import required

FAULT = required("FAULT")
if FAULT not in ("planted", "neutral"):
    raise SystemExit(f"legacy: the environment variable FAULT must be planted or neutral, not {FAULT}")
PLANTED = FAULT == "planted"
