"""The sample catalogue: documents, which an import reads, and facts of their packages (facts.py)."""
