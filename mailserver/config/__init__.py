"""Configuration: one TOML file becomes one frozen tree of dataclasses, validated once."""
