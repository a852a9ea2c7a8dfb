"""One file for each method, or few that are one idea; each has its rows."""
