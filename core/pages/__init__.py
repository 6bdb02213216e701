"""The pages of the API, for people: the frame of every page, and the pages of lists, documents and errors.

A view names the page of its responses (`page_class`). A page belongs to one response: it has the data that a JSON
client gets, reads what else it shows, and declares what that depends on (`depends_on`). Templates get it as `page`.
"""
