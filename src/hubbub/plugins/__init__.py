"""How hubbub is extended: the contracts a plug-in fulfils and the registry that finds it."""
