"""The command line: one file a command group; render.py owns stdout, diagnostics.py stderr and the exit codes."""
