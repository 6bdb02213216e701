"""Merging packages: one survives, and takes over what the others have; in one transaction, and undone like any edit."""
