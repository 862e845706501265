"""Where the work of a command runs: processes of this machine, or a cluster. Found by entry point like plug-ins."""
