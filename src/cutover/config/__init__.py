"""Read and validate configuration: environments, operations, manifest, waivers."""
