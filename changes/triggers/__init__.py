from changes.triggers.postgresql import WATCHED, install, missing, seed, uninstall

__all__ = ("WATCHED", "install", "missing", "seed", "uninstall")
