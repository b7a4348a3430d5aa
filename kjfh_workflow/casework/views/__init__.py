"""How cases look to somebody: lists, the dossier, forms, the docket, in people's words. Nothing here changes a case."""
