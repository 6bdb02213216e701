"""The admin of documents: what all kinds of them share."""
