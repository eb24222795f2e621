"""The contract gate: the Worker held to contracts/worker.openapi.yaml, by a fuzzer and by checks of our own.

Not for what both systems have in common: that is parity/.
"""
