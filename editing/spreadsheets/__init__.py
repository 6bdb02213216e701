"""Packages, grids and cells as CSV: exported from the lists of admin, and imported after a preview of what differs.

The rules are those of `import_catalogue`: the same values are valid, the same slugs are in conflict, the same addresses
are noted. A column that is not in the file is left alone, an empty cell empties, and no row is deleted.
"""
