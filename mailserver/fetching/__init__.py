"""HTTPS requests to addresses that strangers name, kept away from what is ours."""
