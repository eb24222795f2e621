"""The parity gate: play the same journey on Django (the baseline) and on the Worker (the candidate), and compare.

`player` plays journeys, `response_comparison` compares responses, `accepted_differences` reads which differences are
accepted, and `summary` computes the coverage. docs/parity.md explains the gate.
"""
