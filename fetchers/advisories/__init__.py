"""The source of advisories: OSV's feed for PyPI, of which a run reads what has changed, and asks nothing per package."""
