"""The pretend-API engine: a seeded world under a virtual clock, faults, limits and a server. It knows no platform."""
