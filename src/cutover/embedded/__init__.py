"""The embedded pair: both systems as real processes on loopback, started, supervised and stopped.

Not for what the two systems do: that is in reference/. Standard library only, Linux only.
"""
