"""Rendering of verdicts and run data: terminal, verdict.json, GitHub's step summary, HTML pages."""
