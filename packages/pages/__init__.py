"""The pages of packages: of one, of lists of them, and of what belongs to one."""
