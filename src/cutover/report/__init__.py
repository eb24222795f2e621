"""How a verdict is shown: terminal, verdict.json, GitHub's step summary, HTML pages. Computes no result."""
