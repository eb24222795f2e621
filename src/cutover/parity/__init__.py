"""The parity gate: the same journey on Django (the baseline) and on the Worker (the candidate), compared.

Journeys are played by `player`, answers compared by `comparison`, what differs is decided by
`acceptances`, and what was covered counted by `coverage`. docs/parity.md explains all of it.
"""
