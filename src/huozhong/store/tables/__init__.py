"""The tables, one file a noun.  `migrations/` says how a database came to have them."""
