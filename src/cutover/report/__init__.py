"""How a verdict is shown: terminal, verdict.json, GitHub's step summary. Computes no result."""
