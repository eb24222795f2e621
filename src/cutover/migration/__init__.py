"""The migration gate: what Django held is in D1 and R2, complete and unchanged but for the declared mapping."""
