"""A system under test: its operations by name, and its front end."""
