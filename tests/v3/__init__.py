"""Tests of API v3: they go with the folder `v3/`."""
