"""hubbub: the talk of online communities as clean, searchable, ML-ready datasets on your own machine."""

__version__ = "0.1.0"
