"""Environments, operations, manifest, waivers, and the validation of all configuration files."""
