"""Refreshing on more than one machine: a coordinator cuts what is due into batches, and workers of Celery take them.

The database has the batches and their results, Redis the rate limits, and the broker no more than the ids of batches.
"""
