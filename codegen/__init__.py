"""The generator: turns ops.yaml into everything below generated/."""
