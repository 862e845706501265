"""Settings: what may be set, and where each value comes from. Only the command line reads them."""
