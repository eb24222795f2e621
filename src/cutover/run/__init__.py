"""The lifecycle of every run: id, folder, signals, verdict, files, last line and exit code."""
