"""HTTPS requests to addresses that strangers name, kept away from what is ours.

addresses   which addresses nobody may make us dial (pure)
gunzip      decompression with an end (pure)
fetcher     the client: looks the name up once, dials what was checked
"""
