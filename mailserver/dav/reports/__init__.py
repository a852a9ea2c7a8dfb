"""REPORT: one file for each report, or few that are one idea; each has its rows. RFC 3253 §3.6."""
