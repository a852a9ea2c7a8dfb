"""DKIM and ARC: signatures of ours, and what others' are worth. RFC 6376, 8301, 8463, 8617."""
