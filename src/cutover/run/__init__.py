"""The lifecycle of a run, used by every entry point."""
