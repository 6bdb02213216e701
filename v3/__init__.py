"""API v3, frozen: for clients that still request it. Everything new is in v4.

Nobody had a document of a server of v3 at hand: the contract is README's section "API v3", and the tests of this
folder. To switch v3 off, delete the folder, its tests and the lines that name it, which README lists.
"""
