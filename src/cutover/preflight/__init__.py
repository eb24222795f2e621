"""The preflight gate: what must be true before anything is deployed. Its checks only read."""
