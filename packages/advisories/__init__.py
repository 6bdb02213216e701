"""Advisories on the projects on PyPI: which of them affect the latest release of a package.

The advisories on all projects are stored as OSV has them (Advisory), those of no package here too: a package that is
added later has its own at once. What follows for packages (PackageAdvisory, Package.vulnerable) is settled from them
with the verdict (packages.settling), in the transaction of whoever writes an advisory, a version or a PyPI name.
"""
