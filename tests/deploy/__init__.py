"""The page that says how to deploy, its units and its configurations: run where that is possible, read otherwise."""
