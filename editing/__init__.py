"""The history of what editors change, and undoing it.

A log of our own, written by triggers: django-simple-history copies whole rows into a table for each model, knows no
batches, and misses update() and bulk_create(), on which imports and actions stand; django-reversion sees saved
instances alone, and restores no batch whose rows others changed since. Triggers miss nothing, cascades included: a
package goes with its 3,000 snapshots in one statement, nothing is loaded, and a save costs five queries more.
"""
