"""The Locust side of a load run: options, events, messages between processes, exit code."""
