"""The migration gate: D1 and R2 contain the data of Django, complete and changed only as the mapping declares."""
