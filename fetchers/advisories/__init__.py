"""The source of advisories: OSV's feed for PyPI, of which a run reads what changed; nothing is asked per package."""
