"""Properties of resources: one row for each, in files by subject; the table puts them together."""
