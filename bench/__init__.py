"""Side-by-side measurements of hubbub and what it is compared with. `python -m bench [NAME]`."""
