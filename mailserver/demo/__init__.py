"""`mailserver demo`: a complete server on loopback, to try out and to test against."""
