"""Datasets: what to hand out, and the formats it is written in."""
