"""The composition root: configuration → store → services → listeners; start, reload, stop."""
