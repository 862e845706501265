"""What people use instead of hubbub, each a program of its own that is run as its users run it."""
