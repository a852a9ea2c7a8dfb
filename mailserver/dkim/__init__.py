"""Signatures of domains: keys, signing, rotation, ARC seals."""
