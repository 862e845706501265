"""What hubbub keeps, the same for every platform: pure values and the rules that merge them."""
