"""The comparison of packages: a table of them by columns, with what is best in it and what is left out of it.

`columns` says what packages are compared by, and `table` orders rows, hides some and finds the best ones; both are
pure. `rows` reads packages, `views` serves the table, and `page` and `spreadsheet` are its other forms. Grids add
columns of their own.
"""
