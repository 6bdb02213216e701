"""The desk: the start page of admin, with what is fresh and what fails, the last runs, and the lists of work."""
