"""The comparison of packages: a table of them by columns, with what is best in it and what is left out of it.

`columns` says what packages are compared by, `table` orders rows and finds the best ones, and `levels` hides rows;
these three are pure. `rows` reads packages, and `views` serves the table. Grids add columns of their own.
"""
