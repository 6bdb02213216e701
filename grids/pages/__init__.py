"""The pages of grids: of one, of lists of them, and of features."""
