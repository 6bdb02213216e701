"""The grid editor: one page of admin on which the cells, features and members of a grid are edited together.

The page (grids/static/grids/editor.js) sends what it changed, each with the value that it had shown, in one request.
"""
